"""Training: the loop over epochs and steps, with checkpoints that a killed run resumes from bit for bit."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .backend import Backend, open_backend
from .bundle import Bundle, load_bundle
from .callbacks import Callback, EpochDone, RunStarted, StepDone
from .checkpoint import (
    Checkpoint,
    Position,
    check_files,
    check_fits,
    check_vocabularies,
    load_checkpoint,
    save_checkpoint,
)
from .data.batches import Batches
from .data.columns import Columns
from .data.plan import Partitions
from .device import Device
from .diagnosis import find_cause
from .early_stopping import EarlyStopper
from .errors import EnvironmentProblem, UserError
from .evaluator import Metrics
from .export import export_weights
from .fitting import fit
from .initial_state import initial_state
from .interrupt import Interrupt
from .loop import StepResult
from .loss_scale import LossScale
from .manifest import TrainingPlan
from .metrics_file import MetricsFile, forget_after
from .partitions import bucket_lengths, bundle_partitions, given_partitions, in_order
from .run_folder import RunFolder
from .session import SessionSettings
from .state import first_non_finite
from .summary import Summary
from .upload import Batch


@dataclass(frozen=True)
class TrainOptions:
    """What a host may tune without changing the result (but `read_every` delays noticing a NaN).

    checkpoint_seconds, checkpoint_steps: the longest a kill may throw a run back; None leaves that rule out. The end
        of an epoch is checkpointed always.
    log_steps: every how many steps `metrics.jsonl` gets a line.
    read_every: steps between reads of the loss; None takes 1 on the CPU and what the spec says (16) on CUDA.
    """

    checkpoint_seconds: float | None = 30.0
    checkpoint_steps: int | None = None
    log_steps: int = 50
    read_every: int | None = None
    session: SessionSettings = field(default_factory=SessionSettings)


def train(
    bundle: str | Path | Bundle,
    run: str | Path,
    *,
    partitions: Partitions | None = None,
    base: str | Path | None = None,
    device: str | Device | None = None,
    seed: int | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    options: TrainOptions | None = None,
    ort_training: str | Path | None = None,
) -> Summary:
    """Train a bundle and leave a run folder (see `run_folder`) with the trained `bundle/inference.onnx`.

    bundle: a bundle or its folder; it is copied into the run unless it lies there.
    partitions: the data; by default what the manifest's data plan names, with relative paths starting at `base`.
    device: auto, cpu or cuda; seed: of initial weights, masks and shuffling; both by default the spec's.
    ort_training: for a bundle made for ONNX Runtime's training API: the Python that has `onnxruntime-training` and
        trains; by default the one that the environment variable NETWRIGHT_ORT_TRAINING names.
    resume: go on from the run's last checkpoint; the result is bit for bit that of a run never interrupted.

    Raises:
        UserError: something given is wrong; the loss stopped being finite; a checkpoint is of another spec.
        EnvironmentProblem: no CUDA (which training in bfloat16 needs), no memory, a folder that cannot be written.
        KeyboardInterrupt: Ctrl-C; a checkpoint has been written, and the message says where.
    """
    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    plan = bundle.training_plan()
    options = options or TrainOptions()
    with open_backend(bundle, plan, device, ort_training, options.read_every, options.session) as backend:
        _require_kernels(bundle, plan, backend.device)
        return _train(bundle, plan, RunFolder(run), backend, partitions, base, seed, resume, callbacks, options)


def _train(
    bundle: Bundle,
    plan: TrainingPlan,
    folder: RunFolder,
    backend: Backend,
    partitions: Partitions | None,
    base: str | Path | None,
    seed: int | None,
    resume: bool,
    callbacks: Sequence[Callback],
    options: TrainOptions,
) -> Summary:
    """What `train` does, on a backend."""
    checkpoint = _checkpoint_to_resume(folder, bundle, seed) if resume else None
    if not resume:
        _refuse_to_overwrite(folder, bundle)
    base_folder = None
    if partitions is None:
        base_folder = Path(base or ".")
        partitions = bundle_partitions(folder.with_known_data(bundle) if resume else bundle, base_folder)
    else:
        partitions = given_partitions(bundle, partitions)
    _check_monitor(bundle, plan, partitions)
    if checkpoint is None:
        first_seed = plan.seed if seed is None else seed
        state = fit(bundle, initial_state(bundle, first_seed), partitions.train)
        checkpoint = Checkpoint(state, Position(bundle.manifest.spec_sha256, first_seed))
        backend.check()
        bundle = folder.install(bundle)
        folder.start_afresh()
    else:
        backend.check()
        bundle = folder.install(bundle)
        forget_after(folder.metrics, checkpoint.position)
    bundle = folder.remember_data(bundle, partitions.facts)
    folder.remember_base(base_folder, backend.versions)
    trainer = Trainer(bundle, plan, folder, partitions, checkpoint, backend, callbacks, options)
    return trainer.run()


def _require_kernels(bundle: Bundle, plan: TrainingPlan, device: Device) -> None:
    """float16 runs on the CPU, through casts that ONNX Runtime inserts; bfloat16 does not."""
    if plan.precision == "bfloat16" and device.name == "cpu":
        raise EnvironmentProblem(
            f"'{bundle.manifest.name}' trains in bfloat16, for which ONNX Runtime has kernels on CUDA only",
            "train on a machine with CUDA, or in another precision with --set training.precision=float32",
        )


def _checkpoint_to_resume(folder: RunFolder, bundle: Bundle, seed: int | None) -> Checkpoint:
    checkpoint = load_checkpoint(folder.last)
    _check_backend(folder, bundle)
    known = load_bundle(folder.bundle).manifest if (folder.bundle / "manifest.json").is_file() else None
    if known is not None:
        check_files(folder.folder, known, bundle.manifest)
    check_fits(folder.last, checkpoint, bundle.manifest)
    if known is not None:
        check_vocabularies(folder.folder, known, bundle.manifest)
    position = checkpoint.position
    if seed is not None and seed != position.seed:
        raise UserError(
            f"{folder.folder}: the run was started with seed {position.seed}, received seed {seed}",
            "leave --seed out to resume",
        )
    if position.spec_sha256 != bundle.manifest.spec_sha256:
        # The state fits, so only the plan or the data changed: allowed, but a place inside an epoch means nothing now.
        position.spec_sha256 = bundle.manifest.spec_sha256
        position.step_in_epoch, position.rows, position.sums = 0, 0, {}
    return checkpoint


def _check_backend(folder: RunFolder, bundle: Bundle) -> None:
    """What an optimizer keeps has another form in ONNX Runtime's training API."""
    if not (folder.bundle / "manifest.json").is_file():
        return
    api = load_bundle(folder.bundle).manifest.training_api is not None
    if api != (bundle.manifest.training_api is not None):
        raise UserError(
            f"{folder.folder}: the run was started {'with' if api else 'without'} --backend ort-training",
            f"resume it {'with' if api else 'without'} --backend ort-training",
        )


def _refuse_to_overwrite(folder: RunFolder, bundle: Bundle) -> None:
    """An unfinished run of this very spec is worth keeping; anything else in the folder is replaced."""
    if not folder.last.is_file() or folder.summary.is_file():
        return
    position = load_checkpoint(folder.last).position
    if position.spec_sha256 == bundle.manifest.spec_sha256 and position.step > 0:
        raise UserError(
            f"{folder.folder}: holds an unfinished run of this spec (epoch {position.epoch + 1}, step {position.step})",
            f"go on with --resume, or remove {folder.checkpoints} to start again",
        )


def _check_monitor(bundle: Bundle, plan: TrainingPlan, partitions: Partitions) -> None:
    """Without validation rows the epoch's training means stand in, which have fewer metrics."""
    monitor = EarlyStopper(bundle.manifest, plan).monitor
    outputs = [p.name for p in bundle.manifest.step.outputs if p.role in ("loss", "metric")]
    if partitions.validation is None and monitor not in outputs:
        raise UserError(
            f"{bundle.folder}: the training plan monitors '{monitor}', which only validation measures, "
            "and there are no validation rows",
            "set data.split.validation, or monitor one of " + ", ".join(outputs),
        )


class Trainer:
    """One run. `position` is always that of the device state: both advance together, after each step."""

    def __init__(
        self,
        bundle: Bundle,
        plan: TrainingPlan,
        folder: RunFolder,
        partitions: Partitions,
        checkpoint: Checkpoint,
        backend: Backend,
        callbacks: Iterable[Callback],
        options: TrainOptions,
    ) -> None:
        self.bundle = bundle
        self.plan = plan
        self.folder = folder
        self.partitions = partitions
        self.device = backend.device
        self.options = options
        self.callbacks = list(callbacks)
        self.position = checkpoint.position
        self.engine = backend.open(bundle, checkpoint.state)
        self.state, self.loop, self.evaluator = self.engine.state, self.engine.loop, self.engine.evaluator
        self.loss_scale = LossScale(bundle, self.state)
        shuffle = bool((bundle.manifest.data or {}).get("shuffle", True))
        epoch = partitions.train if partitions.epoch is None else partitions.epoch
        lengths = bucket_lengths(bundle, epoch)
        self.batches = Batches(epoch, plan.batch_size, shuffle=shuffle, seed=self.position.seed, lengths=lengths)
        self.stopper = EarlyStopper(bundle.manifest, plan)
        self.batch: Batch | None = None
        self.saved_step: int | None = None
        self.clock = 0.0  # time.perf_counter() up to which `position.seconds` counts
        self.saved_at = 0.0

    def run(self) -> Summary:
        """Train to the end of the plan, restore the best weights, evaluate, export and summarise."""
        try:
            self.callbacks.append(MetricsFile(self.folder.metrics, step_interval=self.options.log_steps))
            with Interrupt() as interrupt:
                self._start()
                while self.position.epoch < self.plan.epochs and not self.stopper.finished(self.position):
                    self._epoch(interrupt)
            return self._finish()
        finally:
            for callback in self.callbacks:
                callback.close()

    def _start(self) -> None:
        trainable = [entry for entry in self.bundle.manifest.state if entry.kind == "parameter" and entry.trainable]
        event = RunStarted(
            name=self.bundle.manifest.name,
            device=self.device.name,
            epochs=self.plan.epochs,
            steps_per_epoch=self.batches.steps,
            epoch=self.position.epoch,
            step=self.position.step,
            rows=self.partitions.rows(),
            parameters=sum(math.prod(entry.shape) for entry in trainable),
        )
        for callback in self.callbacks:
            callback.on_start(event)
        self.clock = time.perf_counter()
        self.loss_scale.start(self.position.step)
        self._save()  # an unwritable folder is found now, not after an hour

    def _clear_carried(self) -> None:
        """Recurrent layers that go on from batch to batch start each epoch from 0."""
        carried = [entry for entry in self.bundle.manifest.state if entry.kind == "carried"]
        if carried:
            zeros = {entry.name: np.zeros(entry.shape, entry.dtype) for entry in carried}
            self.state.load(self.state.numpy() | zeros)

    def _epoch(self, interrupt: Interrupt) -> None:
        """One epoch, or the rest of it."""
        position, options = self.position, self.options
        began, rows_before = time.perf_counter(), position.rows
        if position.step_in_epoch == 0:
            self._clear_carried()
        batches = self.loop.feed(self.batches.epoch(position.epoch, position.step_in_epoch))
        with contextlib.closing(batches):  # type: ignore[type-var]  # generators
            for batch in batches:
                rows = len(next(iter(batch.values())))
                self.batch = batch
                results = self.loop.step(batch, rows)
                position.step += 1
                position.step_in_epoch += 1
                if results:
                    self._absorb(results)
                if interrupt.requested:
                    self._stop_for_interrupt()
                if self._checkpoint_due(options):
                    self._save()
        self._absorb(self.loop.read())
        self._count_time()
        rate = (position.rows - rows_before) / max(time.perf_counter() - began, 1e-9)
        self._end_epoch(rate)

    def _absorb(self, results: list[StepResult]) -> None:
        """Check the losses, add them to the epoch's means, and pass them on.

        With loss scaling a loss that is not finite is that of a step that was skipped, and no part of the means.
        """
        position = self.position
        for back, result in zip(range(len(results) - 1, -1, -1), results, strict=True):
            step = position.step - back
            if math.isfinite(result.loss):
                position.rows += result.rows
                for name, value in (("loss", result.loss), *result.metrics.items()):
                    position.sums[name] = position.sums.get(name, 0.0) + value * result.rows
            elif not self.loss_scale.used:
                batch = self.batch if back == 0 else None
                raise self._not_finite(f"the loss became {result.loss} at step {step}", batch)
            event = StepDone(
                position.epoch, position.step_in_epoch - back, step, result.rows, result.loss, result.metrics
            )
            for callback in self.callbacks:
                callback.on_step(event)
        if results and self.loss_scale.is_exhausted():
            raise self._not_finite(
                f"every step overflows: the loss scale fell to its least by step {position.step}", self.batch
            )

    def _end_epoch(self, rate: float) -> None:
        position = self.position
        train_metrics = self._means()
        skipped = self.loss_scale.report(position.step)
        if skipped:
            self._notice(f"epoch {position.epoch + 1}: {skipped}")
        validation = self._evaluate(self.partitions.validation) if self.partitions.validation else None
        best = self.stopper.observe(position, validation if validation is not None else train_metrics)
        event = EpochDone(position.epoch, position.step, position.seconds, rate, train_metrics, validation, best)
        for callback in self.callbacks:
            callback.on_epoch(event)
        position.epoch += 1
        position.step_in_epoch, position.rows, position.sums = 0, 0, {}
        self._save(best=best)
        if self.stopper.finished(position):
            self._notice(
                f"stopped early: {self.stopper.monitor} has not improved for {position.stale} epochs "
                f"(best: epoch {position.best.epoch + 1})"
                if position.best
                else f"stopped early: {self.stopper.monitor} never was a number"
            )

    def _means(self) -> Metrics:
        """The means over the steps of the epoch; NaN where all were skipped."""
        position = self.position
        ports = self.bundle.manifest.step.outputs
        names = [port.name for port in ports if port.role in ("loss", "metric")]
        return {name: position.sums[name] / position.rows if position.rows else math.nan for name in names}

    def _finish(self) -> Summary:
        """The weights to keep into the state, then everything that is made from them."""
        position = self.position
        stopped_early = position.epoch < self.plan.epochs
        if self.plan.restore_best and position.best is not None and position.best.epoch + 1 != position.epoch:
            best = load_checkpoint(self.folder.best)
            check_fits(self.folder.best, best, self.bundle.manifest)
            self.state.load(best.state)
        parts = self.partitions
        summary = Summary(
            train=self._evaluate(parts.train),
            validation=self._evaluate(parts.validation) if parts.validation else None,
            test=self._evaluate(parts.test) if parts.test else None,
            seconds=position.seconds,
            steps=position.step,
            epochs=position.epoch,
            best_epoch=position.best.epoch + 1 if position.best else None,
            stopped_early=stopped_early,
            device=self.device.name,
            seed=position.seed,
        )
        weights = self.state.numpy()
        kinds = ("parameter", "statistic", "fitted")
        kept = {entry.name: weights[entry.name] for entry in self.bundle.manifest.state if entry.kind in kinds}
        for graph in ("inference", "inference_encode", "inference_step"):
            if graph in self.bundle.manifest.graphs:
                export_weights(self.bundle.graph_file(graph), kept)
        self.engine.export()
        summary.write(self.folder.summary)
        for callback in self.callbacks:
            callback.on_end(summary)
        return summary

    def _evaluate(self, columns: Columns) -> Metrics:
        return self.evaluator.evaluate(in_order(columns, self.plan.batch_size).epoch())

    def _checkpoint_due(self, options: TrainOptions) -> bool:
        steps, seconds = options.checkpoint_steps, options.checkpoint_seconds
        if steps is not None and self.position.step % steps == 0:
            return True
        return seconds is not None and time.perf_counter() - self.saved_at >= seconds

    def _save(self, *, best: bool = False) -> None:
        """Write the last checkpoint, and before it the best one where this is it.

        In this order, because a kill in between then only repeats an epoch that ends in the same best again.
        """
        self._absorb(self.loop.read())
        self._count_time()
        state = self.state.numpy()
        names = [entry.name for entry in self.bundle.manifest.state]
        if first_non_finite(state, names) is not None:
            raise self._not_finite(f"the state stopped being finite by step {self.position.step}", self.batch)
        checkpoint = Checkpoint(state, self.position)
        if best:
            save_checkpoint(self.folder.best, checkpoint)
        save_checkpoint(self.folder.last, checkpoint)
        self.saved_step, self.saved_at = self.position.step, time.perf_counter()

    def _stop_for_interrupt(self) -> None:
        self._save()
        raise KeyboardInterrupt(
            f"stopped at epoch {self.position.epoch + 1}, step {self.position.step}; "
            f"saved {self.folder.last}; go on with --resume"
        )

    def _not_finite(self, what: str, batch: Batch | None) -> UserError:
        cause = find_cause(self.bundle, self.state, batch, self.device)
        saved = (
            f"the last good checkpoint is {self.folder.last} (step {self.saved_step})"
            if self.saved_step is not None
            else "there is no checkpoint yet"
        )
        instead = ", or train with precision: bfloat16 or float32" if self.loss_scale.used else ""
        return UserError(
            f"{what} (epoch {self.position.epoch + 1}): {cause}; {saved}",
            f"lower training.optimizer.learning_rate, or set training.clip_global_norm{instead}",
        )

    def _count_time(self) -> None:
        now = time.perf_counter()
        self.position.seconds += now - self.clock
        self.clock = now

    def _notice(self, text: str) -> None:
        for callback in self.callbacks:
            callback.on_notice(text)
