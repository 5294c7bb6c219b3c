"""The Hugging Face Trainer, ended long before it was done."""

import sys
import tempfile

import torch
from loops import digits
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

from phoropter.watching.hugging_face import PhoropterCallback

EXPECTED = "undertrained"


def rows(data: torch.utils.data.TensorDataset) -> list[dict[str, object]]:
    return [{"pixel_values": x, "labels": int(y)} for x, y in data]


if __name__ == "__main__":
    torch.manual_seed(0)
    train, val = digits()
    config = ViTConfig(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
    )
    with tempfile.TemporaryDirectory() as place:
        Trainer(
            model=ViTForImageClassification(config),
            args=TrainingArguments(
                output_dir=place,
                num_train_epochs=4,
                learning_rate=3e-4,
                lr_scheduler_type="constant",
                per_device_train_batch_size=32,
                eval_strategy="epoch",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
            ),
            train_dataset=rows(train),
            eval_dataset=rows(val),
            compute_metrics=lambda said: {
                "accuracy": float((said.predictions.argmax(1) == said.label_ids).mean())
            },
            callbacks=[PhoropterCallback(sys.argv[1], classes=10, metric="accuracy")],
        ).train()
