"""How much of the events is trained on, validated and tested on: what a rule may be given."""

from __future__ import annotations

from gnnseg.types import InputError

ON_EVERYTHING = (
    "the best epoch is chosen on validation and the figures are of the test, so that neither may "
    "be empty; to train on everything keep three parts ({such}) and set trainer.refit=true, or use "
    "`gnnseg refit RUN` afterwards."
)  # of who wants no part held out


def check_ratios(ratios: list[float]) -> None:
    """Refuse shares that are no three above 0; a part left empty is what a refit is for."""
    if 0 < len(ratios) <= 3 and min(ratios) >= 0 and abs(sum(ratios) - 1) <= 1e-9:
        if len(ratios) < 3 or min(ratios) == 0:
            raise InputError(
                f"split.ratios={ratios}: {ON_EVERYTHING.format(such='[0.8, 0.1, 0.1]')}"
            )
        return
    raise InputError(
        f"split.ratios={ratios}: give three shares above 0 that sum to 1, such as [0.8, 0.1, 0.1]."
    )


def check_quantiles(quantiles: list[float]) -> None:
    """Refuse cuts that are no two inside the time there is."""
    if len(quantiles) == 2 and 0 < quantiles[0] < quantiles[1] < 1:
        return
    if 0 < len(quantiles) <= 2 and 0 < quantiles[0] <= quantiles[-1] <= 1:
        raise InputError(f"split.quantiles={quantiles}: {ON_EVERYTHING.format(such='[0.8, 0.9]')}")
    raise InputError(
        f"split.quantiles={quantiles}: give two numbers between 0 and 1, the smaller first, such "
        "as [0.8, 0.9]."
    )
