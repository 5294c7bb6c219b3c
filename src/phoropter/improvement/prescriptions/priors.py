"""How much of the remaining error an idea removes where it applies: priors, stated with sources.

The shares are rounded down from the cited results: those were tuned, and most ideas that help on
average do nothing in a given case. Measured gains replace them as soon as a change has been tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of an idea before it is tried.

    Args:
        share: Share of the remaining error that it removes, in [0, 1].
        why: The reason with its source, one sentence.
    """

    share: float
    why: str


PRIORS: Mapping[str, Prior] = {
    "usual-rate": Prior(
        0.5,
        "This rate is a safe start for the optimiser (Karpathy 2019, K20; Goyal et al. 2017).",
    ),
    "lower-rate": Prior(
        0.3, "Steps that overshoot never settle; a third of the rate does (Tuning Playbook, P43)."
    ),
    "higher-rate": Prior(
        0.3, "A loss that falls in a straight line stands longer steps (Tuning Playbook, P26)."
    ),
    "warmup": Prior(
        0.2, "A slow start is the first cure of instability (Tuning Playbook, P43 and P44)."
    ),
    "clip": Prior(
        0.15, "Clipping at a usual gradient norm is the second cure (Tuning Playbook, P43 and P45)."
    ),
    "decay": Prior(
        0.15, "A rate that decays to zero lets the loss come to rest (Tuning Playbook, P39)."
    ),
    "longer": Prior(
        0.05, "Networks go on improving for longer than one would guess (Karpathy 2019, K39)."
    ),
    "finetune": Prior(
        0.2,
        "Fine-tuning beat frozen features on nearly all of 12 data sets (Kornblith et al. 2019).",
    ),
    "pretrained": Prior(
        0.3, "A pretrained trunk is hard to beat on little data (Karpathy 2019, K26)."
    ),
    "wider": Prior(
        0.2, "A model must first be large enough to fit its training part (Karpathy 2019, K18)."
    ),
    "larger-images": Prior(
        0.08, "More pixels show more detail (Tan & Le 2019; Touvron et al. 2019)."
    ),
    "less-regularisation": Prior(
        0.05, "What holds back a model that cannot fit its training part should go first (K18)."
    ),
    "augment": Prior(
        0.1,
        "After more real data, augmentation is the best cure of overfitting (Karpathy 2019, K24; "
        "Cubuk et al. 2020).",
    ),
    "mixup": Prior(0.06, "Mixed samples smooth the decision boundary (Zhang et al. 2018)."),
    "weight-decay": Prior(
        0.03, "Smaller weights generalise better (Karpathy 2019, K32; Tuning Playbook, P18)."
    ),
    "dropout": Prior(
        0.03, "Dropout averages over sub-networks (Srivastava et al. 2014; Tuning Playbook, P18)."
    ),
    "smooth-labels": Prior(
        0.03, "Soft targets curb overconfidence (Mueller, Kornblith & Hinton 2019; P18)."
    ),
    "sharp-labels": Prior(
        0.01, "Soft targets make a model claim less than it knows (Mueller et al. 2019)."
    ),
    "smaller": Prior(
        0.03, "A smaller model has less room for learning by heart (Karpathy 2019, K29)."
    ),
    "balanced": Prior(
        0.15,
        "Weighing the classes alike trades frequent for rare ones (King & Zeng 2001; Johnson & "
        "Khoshgoftaar 2019).",
    ),
    "adjusted": Prior(
        0.2,
        "Where rare samples are few enough to be learnt by heart, weights lose their effect and "
        "shifted logits do not (Byrd & Lipton 2019; Menon et al. 2021).",
    ),
    "adjusted-longer": Prior(
        0.4,
        "Shifted logits give rare samples their part of the gradient; to be learnt they must also "
        "be seen (Menon et al. 2021).",
    ),
    "drawn": Prior(
        0.4,
        "Between many samples of one class and few of another, all learnt by heart, the border "
        "lies too near the few; between as many it does not, and several draws leave less to luck "
        "(Liu, Wu & Zhou 2009; Wallace et al. 2011).",
    ),
    "ema": Prior(
        0.03, "Averaged weights lie flatter (Polyak & Juditsky 1992; Izmailov et al. 2018; P18)."
    ),
    "mirror": Prior(
        0.02, "Averaging a picture and its mirror image helps a little (Krizhevsky et al. 2012)."
    ),
    "least-cost": Prior(
        0.2, "Only the class of least expected cost is the best answer (Elkan 2001)."
    ),
    "threshold": Prior(
        0.05,
        "The most probable class is not what maximises F (Lipton, Elkan & Naryanaswamy 2014).",
    ),
    "larger-batch": Prior(
        0.1,
        "Statistics and gradients of few samples are noise (Wu & He 2018; Tuning Playbook, P37).",
    ),
    "smaller-batch": Prior(
        0.1, "More steps of fewer samples learn more in as many epochs (Masters & Luschi 2018)."
    ),
    "normalise": Prior(
        0.3, "Normalisation layers keep signals and gradients in range (Ioffe & Szegedy 2015)."
    ),
    "matching-input": Prior(
        0.2,
        "Inputs of mean 0 and spread 1, or those that the weights were made with, are what the "
        "first layer expects (LeCun et al. 1998; Karpathy 2019, K14).",
    ),
    "sound-labels": Prior(
        0.2,
        "A varied image must keep its label: a six on its head is a nine (Shorten & Khoshgoftaar "
        "2019).",
    ),
    "steep-activation": Prior(
        0.3,
        "Activations that saturate stop the gradient (Glorot & Bengio 2010; Glorot et al. 2011).",
    ),
    "passing": Prior(
        0.5,
        "Where activations do not saturate and are normalised, gradients pass through many layers "
        "(Glorot et al. 2011; Ioffe & Szegedy 2015).",
    ),
    "shallower": Prior(0.2, "Each layer takes its share of the gradient (Glorot & Bengio 2010)."),
    "other-norm": Prior(
        0.05, "Group normalisation works alike at every batch size (Wu & He 2018)."
    ),
    "more-data": Prior(
        0.15,
        "Errors fall as a power of the data, 5 to 20 % by doubling them (Hestness et al. 2017).",
    ),
}
