from sqnxt_tf.reports.tables import Table, percent, shape


def test_numbers_stand_to_the_right_and_text_is_never_markup() -> None:
    table = Table(["<name", "count"], title="t")
    table.add("[red]a[/red]", 1234567)
    table.add("b", None)
    table.add_total("total", 12)
    lines = table.to_lines()
    assert lines[0] == "t"
    assert next(line.split() for line in lines if "[red]" in line) == ["[red]a[/red]", "1,234,567"]
    ends = {len(line) for line in lines if line.endswith(("1,234,567", "12"))}
    assert len(ends) == 1


def test_cells() -> None:
    assert shape((55, 54, 64)) == "55x54x64"
    assert percent(0.9754) == "97.5"
