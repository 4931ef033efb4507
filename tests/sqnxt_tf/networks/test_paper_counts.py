"""Parameters and MACs against every table of the paper."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sqnxt_tf.networks.published import paper_figures, read_table
from sqnxt_tf.networks.summaries import list_networks, summarise
from sqnxt_tf.paper.parameters import EXPLANATIONS, reproduce_parameters

ROWS = [(number, row["model"], row["params_millions"]) for number in (1, 2, 3) for row in read_table(number)]
MACS = [(row["model"], float(row["macs_millions"])) for row in read_table(3)]


@pytest.mark.parametrize(("table", "model", "printed"), ROWS)
def test_parameters_are_within_one_unit_of_the_last_printed_digit(table: int, model: str, printed: str) -> None:
    ours = summarise(model)
    unit = Decimal(1).scaleb(int(Decimal(printed).as_tuple().exponent))
    agrees = abs(Decimal(ours.params) / 1_000_000 - Decimal(printed)) <= unit
    assert agrees == (ours.name not in EXPLANATIONS)


@pytest.mark.parametrize(("model", "millions"), MACS)
def test_macs_by_the_papers_count_are_within_one_million(model: str, millions: float) -> None:
    assert summarise(model).paper_count_macs / 1e6 == pytest.approx(millions, abs=1.0)


def test_every_disagreement_is_explained_and_no_other() -> None:
    rows = [row for table in (1, 2) for row in reproduce_parameters(table)]
    assert {row.summary.name for row in rows if not row.agrees} == set(EXPLANATIONS) == {"sqnxt34_w2", "vgg19"}
    assert all(bool(row.explanation) != row.agrees for row in rows)


def test_exact_counts_of_published_networks() -> None:
    # torchvision's and the original publications' counts
    assert summarise("vgg19").params == 143_667_240
    assert summarise("squeezenet_v1_0").params == 1_248_424
    assert summarise("squeezenet_v1_1").params == 1_235_496
    assert summarise("mobilenet_w1").params == 4_231_976
    assert summarise("alexnet").params == 60_965_224


def test_aggregation_adds_what_table_1_asks_for() -> None:
    for plain, aggregated in (("sqnxt23_w1", "sqnxt23ida_w1"), ("sqnxt44_w1", "sqnxt44ida_w1")):
        weights = [sum(row.weights for row in summarise(name).layers) for name in (plain, aggregated)]
        assert weights[1] - weights[0] == 215_040


def test_every_network_of_the_tables_is_listed_with_its_figures() -> None:
    listed = {summary.name for summary in list_networks() if summary.paper}
    assert listed == set(paper_figures())
    assert len(listed) == 25  # 9 of Table 1, 9 of Table 2, 7 more of Table 3
