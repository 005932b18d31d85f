"""Which settings mattered: how differently each is distributed among the best trials than among all (PED-ANOVA)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenhand.records.values import Interval
from evenhand.study.tuning.figures import Mattered, Tried
from evenhand.study.tuning.journal import optuna
from evenhand.study.tuning.space import Setting

FEWEST = 16
"""Trials below which nothing is said of settings."""
BEST = 0.25
"""Share of the trials that count as the best ones."""
RESAMPLES = 100


def mattered(
    settings: Sequence[Setting], trials: Sequence[Tried], seed: int, *, resamples: int = RESAMPLES
) -> tuple[Mattered, ...]:
    """Return how much each setting mattered, the most important first; nothing with hardly any trials.

    Watanabe, Bansal and Hutter (2023), PED-ANOVA: the shares add up to 1. Trials that were stopped count with the
    figure that they had. The interval holds 95 % of the shares that trials drawn anew from these would give. Settings
    that only some trials have, the parameters of remedies, are left to the remedy.

    Parameters
    ----------
    settings : sequence of Setting
        Those that were searched.
    trials : sequence of Tried
        All that are over.
    seed, resamples : int
        Of the draws behind the intervals.
    """
    asked = [setting for setting in settings if setting.open and not setting.remedies]
    if len(trials) < FEWEST or not asked:
        return ()
    random = np.random.default_rng(seed)
    with optuna() as library:
        own = _shares(library, asked, trials)
        drawn = [
            _shares(library, asked, [trials[place] for place in random.integers(0, len(trials), len(trials))])
            for _ in range(resamples)
        ]
    found = []
    for setting in asked:
        low, high = np.quantile([one[setting.name] for one in drawn], (0.025, 0.975))
        share = own[setting.name]
        found.append(Mattered(setting.name, Interval(share, min(share, float(low)), max(share, float(high)))))
    return tuple(sorted(found, key=lambda one: (-one.share.value, one.name)))


def _shares(library: Any, settings: Sequence[Setting], trials: Sequence[Tried]) -> dict[str, float]:
    study = library.create_study(direction="maximize")
    distributions = {setting.name: _distribution(library, setting) for setting in settings}
    study.add_trials(
        [
            library.trial.create_trial(
                params={name: trial.point[name] for name in distributions},
                distributions=distributions,
                value=trial.value,
            )
            for trial in trials
        ]
    )
    evaluator = library.importance.PedAnovaImportanceEvaluator(target_quantile=BEST)
    found = library.importance.get_param_importances(study, evaluator=evaluator, params=list(distributions))
    return {name: float(found.get(name, 0.0)) for name in distributions}


def _distribution(library: Any, setting: Setting) -> Any:
    if setting.choices:
        return library.distributions.CategoricalDistribution(list(setting.choices))
    kind = library.distributions.IntDistribution if setting.whole else library.distributions.FloatDistribution
    low, high = (int(setting.low), int(setting.high)) if setting.whole else (setting.low, setting.high)
    return kind(low, high, log=setting.log)
