"""How `demo-lm` is made: a small causal language model that classifies from demonstrations in its prompt.

One command each, in this order; all write below one folder, `build/demo_lm` unless `--work` says otherwise:

    python -m tools.demo_lm text         sentences of the corpus, the teacher's vectors, clusters
    python -m tools.demo_lm tokenizer    byte-level BPE of 8,192 tokens
    python -m tools.demo_lm read         rows, as the teacher reads them, in the first layers
    python -m tools.demo_lm pretrain     copying on synthetic sequences, then language modelling beside it
    python -m tools.demo_lm incontext    episodes of demonstrations: repeats, near repeats, classes
    python -m tools.demo_lm evaluate     unseen data sets, against chance, nearest neighbours and another small model
    python -m tools.demo_lm ship         into `advisor/demo/lm`, with its card
"""
