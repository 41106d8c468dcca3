"""Budgets: parsing, epochs, and when they are spent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.budgets import Budget
from genbench.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("200kimg", "img", 200_000),
        ("1.5Mimg", "img", 1_500_000),
        ("5000steps", "steps", 5000),
        ("1step", "steps", 1),
        ("2min", "s", 120),
        ("90 s", "s", 90),
        ("2e14flop", "flop", 2e14),
        ("3 pflop", "flop", 3e15),
        ("20epochs", "img", 20 * 600),
        (".5epoch", "img", 300),
    ],
)
def test_units(text: str, unit: str, amount: float) -> None:
    budget = Budget.parse(text, train_size=600)
    assert (budget.unit, budget.amount) == (unit, pytest.approx(amount))


@pytest.mark.parametrize("text", ["", "kimg", "12", "12 parsecs", "0s", "-3s", "nan s", "1e999s", "1e400img", "3s3s"])
def test_nonsense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Budget.parse(text, train_size=600)
    assert "budget" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.floats(1e-3, 1e12), st.sampled_from(["img", "steps", "s", "flop"]))
def test_spent_is_the_used_share(amount: float, unit: str) -> None:
    budget = Budget.parse(f"{amount!r}{unit}", train_size=1)
    used = {"pictures": 0, "steps": 0, "seconds": 0.0, "flop": 0.0}
    key = {"img": "pictures", "steps": "steps", "s": "seconds", "flop": "flop"}[unit]
    assert budget.spent(**used) == 0
    assert budget.spent(**{**used, key: amount}) == pytest.approx(1)
