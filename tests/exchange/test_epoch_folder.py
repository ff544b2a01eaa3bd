"""From balances to batches to proofs: every wrong row is named, and a run may die at any moment."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sql
from support.balances import many_assets, write_balances
from support.solvency import reserves, setup, terms

from zkmargin.circuits.statements.solvency.batch import Batch, capacity
from zkmargin.circuits.statements.solvency.prover import BatchProver
from zkmargin.circuits.statements.solvency.verification import verification_keys
from zkmargin.exchange.balances import InputError, open_balances
from zkmargin.exchange.epoch_folder import EpochFolder, WorkError, create_epoch_folder, open_epoch_folder
from zkmargin.exchange.proving import prove_batches, settle_folder
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import development_setup, load_setup, save_setup
from zkmargin.prover.signing import sign_reserves
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency import accounts
from zkmargin.verifier.statements.solvency.accounts import account_number
from zkmargin.verifier.statements.solvency.terms import Terms
from zkmargin.verifier.statements.solvency.verify import TOP, verify_solvency

ROWS = 64
GOOD = """customer,asset,equity,debt,collateral
anna,BTC,3,0,0
bela,BTC,12,0,12
bela,USD,0,900,0
carl,BTC,3.0000,0,0
dora,USD,7.00,0,0
dora,BTC,0.0005,0,0
"""


def balances(folder: Path, text: str = GOOD) -> str:
    path = folder / "balances.csv"
    path.write_text(text)
    return str(path)


def taken(folder: Path, where: str, agreed: Terms | None = None, rows: int = ROWS, **options: object) -> EpochFolder:
    source = open_balances(where, **options)  # type: ignore[arg-type]
    return create_epoch_folder(folder / "work", source, agreed or terms(), setup().digest, rows)


def contents(work: EpochFolder) -> dict[str, tuple[int, int, int, int]]:
    """Equity, debt and collateral by customer, and how many rows, over all batches."""
    found: dict[str, tuple[int, int, int, int]] = {}
    for index in range(work.batches):
        batch = work.read_batch(index)
        for position, name in enumerate(batch.customers):
            assert name.decode() not in found
            rows = batch.rows_of(position)
            sums = [
                sum(r.free + r.collateral for r in rows),
                sum(r.debt for r in rows),
                sum(r.collateral for r in rows),
            ]
            found[name.decode()] = (*sums, len(rows))  # type: ignore[assignment]
    return found


def test_balances_arrive_in_tiers(tmp_path: Path) -> None:
    work = taken(tmp_path, balances(tmp_path))
    assert contents(work) == {
        "anna": (30_000, 0, 0, 1),
        "bela": (120_000, 90_000, 120_000, 3),
        "carl": (30_000, 0, 0, 1),
        "dora": (705, 0, 0, 2),
    }
    assert (work.customers, work.holdings, work.batches) == (4, 7, 1)
    assert open_epoch_folder(tmp_path / "work").epoch == work.epoch
    assert all(path.stat().st_mode & 0o077 == 0 for path in [work.folder, *work.folder.rglob("*")])
    batch = work.read_batch(0)
    assert batch.numbers.tolist() == [account_number(work.epoch, name) for name in batch.customers]


def test_every_source_gives_the_same(tmp_path: Path) -> None:
    csv = balances(tmp_path)
    text = pl.read_csv(csv, infer_schema=False)
    text.write_parquet(tmp_path / "text.parquet")
    text.with_columns(pl.col("equity", "debt", "collateral").cast(pl.Decimal(20, 6))).write_parquet(
        tmp_path / "decimal.parquet"
    )
    engine = sql.create_engine(f"sqlite:///{tmp_path}/b.db")
    table = sql.Table(
        "holdings",
        sql.MetaData(),
        *(sql.Column(name, sql.String) for name in ("customer", "asset", "equity", "debt", "collateral")),
    )
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), text.to_dicts())
    expected = contents(taken(tmp_path, csv))
    for index, where in enumerate(("text.parquet", "decimal.parquet")):
        folder = tmp_path / str(index)
        folder.mkdir()
        assert contents(taken(folder, str(tmp_path / where))) == expected
    folder = tmp_path / "sql"
    folder.mkdir()
    assert contents(taken(folder, f"sqlite:///{tmp_path}/b.db", table="holdings", chunk_rows=2)) == expected


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("x,ETH,1,0,0", "line 8: asset: expected an asset of the terms"),
        ("x,,1,0,0", "line 8: asset"),
        (",BTC,1,0,0", "line 8: customer"),
        (f"{'x' * 257},BTC,1,0,0", "line 8: customer"),
        ("x,BTC,-1,0,0", "line 8: equity: expected a decimal number of at least zero"),
        ("x,BTC,1,-0.5,0", "line 8: debt"),
        ("x,BTC,1e3,0,0", "line 8: equity"),
        ("x,BTC,,0,0", "line 8: equity"),
        ("x,BTC,nan,0,0", "line 8: equity"),
        ("x,BTC,0.00001,0,0", "line 8: equity: expected no more decimals"),
        ("x,BTC,115292150460685,0,0", "line 8: equity: expected less than 2^60 lots"),
        ("x,BTC,1,0,1.0001", "line 8: collateral: expected no more than the equity"),
        ("x,BTC,1,2,1", "line 8: expected the customer's debts"),
        ("anna,BTC,1,0,0", "line 8: expected each asset once a customer, got the same customer and asset in line 2"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_left(tmp_path: Path, row: str, why: str) -> None:
    where = balances(tmp_path, f"{GOOD}{row}\nzeno,BTC,1,0,0\n")
    with pytest.raises(InputError) as refusal:
        taken(tmp_path, where)
    assert why in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["balances.csv"]


def test_wrong_sources_are_refused(tmp_path: Path) -> None:
    for where, why in (
        ("balances.txt", "expected a .parquet or .csv file"),
        ("sqlite:///x.db", "expected --table"),
    ):
        (tmp_path / "balances.txt").write_text("")
        with pytest.raises(InputError, match=why):
            open_balances(where if "://" in where else str(tmp_path / where))
    with pytest.raises(FileNotFoundError):
        open_balances(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="'collateral' is missing"):
        taken(tmp_path, balances(tmp_path, "customer,asset,equity,debt\n"))
    with pytest.raises(InputError, match="at least one row"):
        taken(tmp_path, balances(tmp_path, GOOD.splitlines()[0] + "\n"))
    pl.DataFrame({"customer": ["x"], "asset": ["BTC"], "equity": [1.5], "debt": [0], "collateral": [0]}).write_parquet(
        tmp_path / "float.parquet"
    )
    with pytest.raises(InputError, match="floating-point"):
        taken(tmp_path, str(tmp_path / "float.parquet"))
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "float.parquet").read_bytes()[:-40])
    with pytest.raises(InputError, match="readable parquet"):
        taken(tmp_path, str(tmp_path / "torn.parquet"))
    with pytest.raises(InputError, match="no such table"):
        taken(tmp_path, f"sqlite:///{tmp_path}/empty.db", table="holdings")
    (tmp_path / "work").mkdir()
    with pytest.raises(WorkError, match="does not exist yet"):
        taken(tmp_path, balances(tmp_path))


def test_many_batches_divide_the_customers(tmp_path: Path) -> None:
    agreed = many_assets(20)
    count = write_balances(tmp_path / "b.parquet", agreed, 300)
    work = taken(tmp_path, str(tmp_path / "b.parquet"), agreed, rows=128, chunk_rows=97)
    batches = [work.read_batch(index) for index in range(work.batches)]
    assert work.batches > 5
    assert work.customers == sum(len(batch.customers) for batch in batches) == 300
    assert work.holdings >= count
    assert [batch.low for batch in batches] == [0, *(batch.high for batch in batches[:-1])]
    assert batches[-1].high == TOP
    numbers = np.concatenate([batch.numbers for batch in batches])
    assert np.all(np.diff(numbers) > 0)
    for batch in batches:
        assert batch.holdings <= capacity(128)
        assert batch.low < batch.numbers[0]
        assert batch.numbers[-1] <= batch.high - (128 - 1 - batch.holdings)
    frame = pl.read_parquet(tmp_path / "b.parquet")
    for column, position in (("equity", 0), ("debt", 1), ("collateral", 2)):
        lots: Counter[str] = Counter()
        for customer, asset, amount in frame.select("customer", "asset", column).iter_rows():
            lots[customer] += int(Decimal(amount) * 10 ** agreed.assets[agreed.numbers[asset] - 1].decimals)
        assert {name: sums[position] for name, sums in contents(work).items()} == lots


def test_a_customer_too_large_for_a_batch_is_refused(tmp_path: Path) -> None:
    agreed = many_assets(40)
    rows = "".join(f"anna,{asset.id},1,0,0\n" for asset in agreed.assets)
    where = balances(tmp_path, GOOD.splitlines()[0] + "\n" + rows)
    with pytest.raises(FormatError, match="give --rows more"):
        taken(tmp_path, where, agreed, rows=32)


def test_colliding_account_numbers_take_another_nonce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[bytes] = []

    def colliding(epoch: bytes, customer: bytes) -> int:
        if epoch not in epochs:
            epochs.append(epoch)
        return 77 if len(epochs) < 3 else account_number(epoch, customer)

    monkeypatch.setattr("zkmargin.exchange.batching.account_number", colliding)
    assert taken(tmp_path, balances(tmp_path)).customers == 4
    assert len(epochs) == 3
    assert accounts.ACCOUNT_BITS == 60


# -- proving, and dying ------------------------------------------------------------------------------------------------


@pytest.fixture
def several(tmp_path: Path) -> EpochFolder:
    """Three batches."""
    agreed = many_assets(10)
    write_balances(tmp_path / "b.parquet", agreed, 60)
    return taken(tmp_path, str(tmp_path / "b.parquet"), agreed)


def settled_and_verified(work: EpochFolder) -> None:
    agreed = work.terms
    amounts = dict.fromkeys((asset.id for asset in agreed.assets), "900000000")
    claim = reserves(amounts, of=agreed).claim
    signed = sign_reserves(claim, agreed, work.epoch, (11).to_bytes(32, "big"))
    statement = settle_folder(work, [signed], setup(), load_backend())
    assert verify_solvency(statement, verification_keys(statement, setup(), load_backend())).batches == work.batches


def test_all_batches_are_proven_once(several: EpochFolder) -> None:
    seen: list[tuple[str, int, int]] = []
    assert prove_batches(several, setup(), report=lambda *stage: seen.append(stage)) == several.batches >= 3
    assert seen[0][1:] == (0, several.batches)
    assert seen[-1][1:] == (several.batches, several.batches)
    assert "holdings a second" in seen[-1][0]
    assert "left" in seen[-1][0]
    proofs = {path: path.read_bytes() for path in several.folder.rglob("proofs/*.json")}
    assert prove_batches(several, setup()) == 0
    assert proofs == {path: path.read_bytes() for path in several.folder.rglob("proofs/*.json")}
    several.proof_path(1).unlink()
    assert prove_batches(several, setup()) == 1
    assert several.proof_path(1).read_bytes() == proofs[several.proof_path(1)]
    settled_and_verified(several)


def test_a_run_that_fails_keeps_what_it_proved(several: EpochFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    prove = BatchProver.prove

    def failing(self: BatchProver[object, object], batch: Batch, master: bytes) -> object:  # type: ignore[type-var]
        if batch.index == 1:
            raise OSError(errno.ENOSPC, "No space left on device", "proofs")
        return prove(self, batch, master)  # type: ignore[arg-type]

    monkeypatch.setattr(BatchProver, "prove", failing)
    with pytest.raises(OSError, match="No space left"):
        prove_batches(several, setup())
    monkeypatch.undo()
    assert several.missing() == list(range(1, several.batches))
    assert prove_batches(several, setup()) == several.batches - 1
    settled_and_verified(several)


def test_a_full_disk_leaves_no_half_work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("zkmargin.exchange.epoch_folder.write_document", full)
    with pytest.raises(OSError, match="No space left"):
        taken(tmp_path, balances(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["balances.csv"]


def test_a_killed_run_goes_on_where_it_was(several: EpochFolder, tmp_path: Path) -> None:
    """kill -9 as soon as the first proof stands; what remains is proven by the next run, and nothing twice."""
    save_setup(setup(), tmp_path / "s.json")
    script = (
        "import sys; from zkmargin.exchange.proving import prove_batches, settle_folder;"
        "from zkmargin.exchange.epoch_folder import open_epoch_folder; from zkmargin.prover.setup import load_setup;"
        "prove_batches(open_epoch_folder(sys.argv[1]), load_setup(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(several.folder), str(tmp_path / "s.json")])  # noqa: S603
    deadline = time.monotonic() + 60
    while not several.proof_path(0).exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.read_bytes() for path in several.folder.rglob("proofs/*.json")}
    assert kept
    assert prove_batches(several, load_setup(tmp_path / "s.json")) == several.batches - len(kept)
    assert all(path.read_bytes() == data for path, data in kept.items())
    settled_and_verified(several)


def test_changed_or_truncated_batches_are_refused(several: EpochFolder) -> None:
    arrays = several.batch_path(1).with_suffix(".npz")
    data = arrays.read_bytes()
    arrays.write_bytes(data[:-10])
    with pytest.raises(FormatError, match="Keccak-256"):
        prove_batches(several, setup())
    assert several.missing() == list(range(1, several.batches))
    arrays.write_bytes(data)
    prove_batches(several, setup())
    # Another batch's content under a proof that is there.
    for suffix in (".json", ".npz"):
        path = several.batch_path(1).with_suffix(suffix)
        path.write_bytes(several.batch_path(0).with_suffix(suffix).read_bytes().replace(b"00000.npz", b"00001.npz"))
    with pytest.raises(WorkError, match="exchanged"):
        several.missing()


def test_a_damaged_proof_is_refused(several: EpochFolder) -> None:
    prove_batches(several, setup())
    path = several.proof_path(0)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(FormatError, match="expected JSON"):
        several.missing()
    path.write_text(text.replace('"batch": 0', '"batch": 1').replace('"batch":0', '"batch":1'))
    with pytest.raises(WorkError, match="Delete this file and prove again"):
        several.missing()


def test_another_setup_is_refused(several: EpochFolder) -> None:
    with pytest.raises(WorkError, match="the setup that the epoch was made with"):
        prove_batches(several, development_setup(ROWS, load_backend()))
