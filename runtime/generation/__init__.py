"""Generation: a network that says what comes next, asked again and again.

contract    which input takes the tokens, which output says what comes next
model       what a network is to the rest of this package: tokens in, log-probabilities of the next one out
reading     what it reads before it writes, by `inference_encode.onnx`
stepper     such a model over `inference_step.onnx`, which keeps its states; and
prefix      over `inference.onnx`, which reads the whole text again for every token
logits      log-probabilities, and what sampling keeps of them: pure functions
decoding    greedy and random choice of tokens, for batches of prompts
beam        beam search
stream      text that appears while its tokens do
writing     how texts are written in tokens
generator   all of it for a run folder: prompts in, texts out
"""
