"""The word somebody probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# What other frameworks call it -> what it is called here. Used for hints alone, and only where the name exists.
_ELSEWHERE = {
    "linear": "dense",
    "fc": "dense",
    "fully_connected": "dense",
    "full": "dense",
    "swish": "silu",
    "exp": "exponential",
    "logistic": "sigmoid",
    "batchnorm": "batch_norm",
    "add_norm": "layer_norm",
    "concatenate": "concat",
    "mul": "multiply",
    "sum": "add",
    "mse": "squared_error",
    "mean_squared_error": "squared_error",
    "l2_loss": "squared_error",
    "mae": "absolute_error",
    "mean_absolute_error": "absolute_error",
    "l1_loss": "absolute_error",
    "cross_entropy": "categorical_cross_entropy",
    "softmax_cross_entropy": "categorical_cross_entropy",
    "crossentropy": "categorical_cross_entropy",
    "cross_entropy_loss": "categorical_cross_entropy",
    "sparse_categorical_crossentropy": "categorical_cross_entropy",
    "bce": "binary_cross_entropy",
    "nll": "negative_log_likelihood",
    "ctc": "connectionist_temporal_classification",
    "ctc_loss": "connectionist_temporal_classification",
    "character_error_rate": "label_error_rate",
    "cer": "label_error_rate",
    "mha": "multi_head_attention",
    "self_attention": "multi_head_attention",
    "rms_prop": "rmsprop",
    "xavier": "glorot_uniform",
    "kaiming": "he_normal",
    "lr": "learning_rate",
    "rate": "learning_rate",
    "decay": "weight_decay",
    "size": "units",
    "neurons": "units",
    "out_features": "units",
    "hidden_size": "units",
    "pool_size": "kernel_size",
    "window": "kernel_size",
    "nonlinearity": "activation",
    "input": "from",
    "inputs": "from",
    "id": "name",
    "label": "name",
    "layers": "network",
    "model": "network",
    "optimiser": "optimizer",
    "batch": "batch_size",
    "max_epochs": "epochs",
    "early_stop": "early_stopping",
    "clip_norm": "clip_global_norm",
    "gradient_clipping": "clip_global_norm",
    "dataset": "data",
    "val": "validation",
    "version": "netwright",
    "acc": "accuracy",
    "val_acc": "accuracy",
    "val_accuracy": "accuracy",
    "val_loss": "loss",
    "validation_loss": "loss",
    "gpu": "cuda",
    "nvidia": "cuda",
    "fp16": "float16",
    "f16": "float16",
    "half": "float16",
    "mixed": "float16",
    "mixed_float16": "float16",
    "bf16": "bfloat16",
    "mixed_bfloat16": "bfloat16",
    "fp32": "float32",
    "f32": "float32",
    "float": "float32",
    "single": "float32",
    "gaussian": "normal",
    "randn": "normal",
    "character": "char",
    "characters": "char",
    "byte_pairs": "bpe",
    "whitespace": "space",
}

# Comparing by spelling takes time; beyond these, nobody misspelled anything.
_LONGEST_WORD = 64
_MOST_WORDS = 500


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`: apart from case and separators, by another framework's name, by spelling."""
    known = list(known)
    plain = _plain(word)
    for candidate in known:
        if _plain(candidate) == plain:
            return candidate
    elsewhere = _ELSEWHERE.get(word.lower())
    if elsewhere in known:
        return elsewhere
    if len(word) > _LONGEST_WORD:
        return None
    close = difflib.get_close_matches(word.lower(), known[:_MOST_WORDS], n=1, cutoff=0.65)
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str], what: str) -> str:
    """A hint: the closest known word, or a list of what there is."""
    known = list(known)
    close = closest(word, known)
    if close is not None:
        return f"did you mean '{close}'?"
    if not known:
        return f"there are no {what}"
    shown = ", ".join(known[:12])
    return f"known {what}: {shown}" + (", …" if len(known) > 12 else "")


def _plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())
