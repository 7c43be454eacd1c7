"""A small BERT that is trained from nothing: a WordPiece vocabulary and a classifier of a few
layers, on one processor."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

LABELS = ("negative", "positive")
_BATCH = 32


@dataclass(frozen=True)
class Recipe:
    """What is decided before training. `max_length` is in word pieces; what a text has beyond is
    not read."""

    layers: int = 2
    width: int = 128
    vocabulary: int = 4000
    max_length: int = 96
    threads: bool = True
    """Join half of the posts, two by two, so that a text's later places are learnt as well as its
    first."""
    epochs: int = 3
    learning_rate: float = 5e-4
    seed: int = 7


def tokenizer(texts: Sequence[str], recipe: Recipe) -> BertTokenizerFast:
    """Learn the vocabulary from the training texts."""
    learnt = BertWordPieceTokenizer(lowercase=True)
    learnt.train_from_iterator(
        texts, vocab_size=recipe.vocabulary, min_frequency=2, show_progress=False
    )
    return BertTokenizerFast(
        vocab=learnt.get_vocab(), do_lower_case=True, model_max_length=recipe.max_length
    )


def train(
    texts: Sequence[str], labels: Sequence[str], recipe: Recipe, told: Callable[[int, float], None]
) -> tuple[BertForSequenceClassification, BertTokenizerFast]:
    """Train on texts and their labels; `told` hears of each epoch and its mean loss."""
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    pieces = tokenizer(texts, recipe)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=4,
        intermediate_size=2 * recipe.width,
        max_position_embeddings=128,
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    model = BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.01)
    order = random.Random(recipe.seed)
    examples = (
        _threads(texts, labels, order) if recipe.threads else list(zip(texts, labels, strict=True))
    )
    steps = recipe.epochs * -(-len(examples) // _BATCH)
    # Up over the first tenth, then down to nothing: without that, so small a BERT learns little.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.1
    )
    encoded = pieces([text for text, _ in examples], truncation=True)["input_ids"]
    targets = torch.tensor([LABELS.index(label) for _, label in examples])
    model.train()
    for epoch in range(1, recipe.epochs + 1):
        losses = []
        for batch in _batches(encoded, order):
            inputs = pieces.pad({"input_ids": [encoded[i] for i in batch]}, return_tensors="pt")
            loss = model(**inputs, labels=targets[batch]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            losses.append(loss.item())
        told(epoch, sum(losses) / len(losses))
    return model.eval(), pieces


def _threads(
    texts: Sequence[str], labels: Sequence[str], order: random.Random
) -> list[tuple[str, str]]:
    """Each post once: of each sentiment half of them joined two by two, the others as they are."""
    found = []
    for label in LABELS:
        own = [text for text, judged in zip(texts, labels, strict=True) if judged == label]
        order.shuffle(own)
        half = len(own) // 4 * 2
        joined = [f"{a} {b}" for a, b in zip(own[:half:2], own[1:half:2], strict=True)]
        found += [(text, label) for text in (*joined, *own[half:])]
    return found


def _batches(encoded: Sequence[Sequence[int]], order: random.Random) -> Iterator[list[int]]:
    """Batches of texts of about one length, so that little is padding, in an order of chance."""
    places = sorted(range(len(encoded)), key=lambda i: (len(encoded[i]), order.random()))
    batches = [places[i : i + _BATCH] for i in range(0, len(places), _BATCH)]
    order.shuffle(batches)
    yield from batches


def save(model: BertForSequenceClassification, pieces: BertTokenizerFast, folder: Path) -> None:
    model.save_pretrained(folder)
    pieces.save_pretrained(folder)


def load(folder: str | Path) -> tuple[BertForSequenceClassification, BertTokenizerFast]:
    torch.set_num_threads(1)
    model = BertForSequenceClassification.from_pretrained(folder, local_files_only=True)
    return model.eval(), BertTokenizerFast.from_pretrained(folder, local_files_only=True)


def positive(
    model: BertForSequenceClassification, pieces: BertTokenizerFast, texts: Sequence[str]
) -> list[float]:
    """How likely each text is positive, from 0 to 1."""
    found: list[float] = []
    with torch.inference_mode():
        for i in range(0, len(texts), 128):
            inputs = pieces(
                list(texts[i : i + 128]), truncation=True, padding=True, return_tensors="pt"
            )
            found += torch.softmax(model(**inputs).logits, dim=-1)[:, 1].tolist()
    return found
