"""The benchmarks run, say what the page says, and time what they name. Nothing here fails on time."""

import numpy as np
import pytest
import speed


@pytest.fixture(scope="module")
def tables():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "PAUSE", 0.0)
        patch.setattr(speed, "torch", None)
        yield speed.main(["--smoke"])


@pytest.mark.parametrize("title", speed.TABLES)
def test_runs(tables, title):
    header, *rows = tables[title]
    assert all(len(row) == len(header) for row in rows)
    for row in rows:
        figures = [float(cell) for cell in " ".join(row[2:]).split() if cell.replace(".", "").isdigit()]
        assert figures
        assert np.isfinite(figures).all()


@pytest.mark.parametrize("title", speed.TABLES)
def test_page_has_the_same_rows(tables, title):
    page = speed.PAGE.read_text().split(f".. {title}\n")[1].split(".. end\n")[0]
    shown = [line.split("  ")[0] for line in page.splitlines() if line.strip() and not line.startswith("=")]
    assert shown == [row[0] for row in tables[title]]


def test_page_does_not_show_the_smoke_test():
    large = [line.split() for line in speed.PAGE.read_text().splitlines() if line.startswith(speed.LARGE)]
    assert max(float(line[5]) for line in large if line[5].replace(".", "").isdigit()) > 10  # ms of the floor


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_contenders_do_equal_work(solver, quiet):
    """At the same batches, rates and penalty, ours and MLPClassifier come to about the same loss."""
    p = speed.problem(speed.SMALL, np.float64, smoke=False)._replace(epochs=20)
    losses = [contender(p, solver)()() for contender in (speed.ours, speed.mlp)]
    assert losses[0] == pytest.approx(losses[1], rel=0.15)


def test_writing_replaces_the_tables_alone(tables, tmp_path, monkeypatch):
    before = speed.PAGE.read_text()
    monkeypatch.setattr(speed, "PAGE", tmp_path / "page.rst")
    speed.PAGE.write_text(before)
    speed.write(tables)
    once = speed.PAGE.read_text()
    speed.write(tables)
    assert speed.PAGE.read_text() == once
    assert once.splitlines()[:5] == before.splitlines()[:5]
    for rows in tables.values():
        assert speed.simple_table(rows) in once
