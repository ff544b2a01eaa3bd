"""`zkmargin chain`: deploy the contracts, publish epochs, submit proofs, ask the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.api import margin as api
from zkmargin.api.trusting import setup_fields
from zkmargin.chain.audit import audit as audit_deployment
from zkmargin.chain.client import connect
from zkmargin.chain.contracts import DEFAULT_DELAY_SECONDS, DEFAULT_GRACE_SECONDS, Delays, ListedForLater
from zkmargin.chain.contracts import deploy as deploy_contracts
from zkmargin.chain.contracts import publish as publish_epoch
from zkmargin.chain.deployment import read_deployment_record, write_deployment_record
from zkmargin.chain.errors import ChainError
from zkmargin.chain.journal import Journal
from zkmargin.chain.spending import DEFAULT_CEILING_WEI, Ceiling, format_coins, parse_coins
from zkmargin.chain.submission import read_market_terms
from zkmargin.chain.submission import status as ask_status
from zkmargin.chain.submission import submit as submit_proof
from zkmargin.circuits.statements.margin.market import read_market
from zkmargin.cli.console import note, print_json, print_table, progress, warn_if_unsafe
from zkmargin.cli.options import Force, Json, Market, Policy, SetupFile, read_key, writes
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.recovery import key_recovery
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.attestation import check_venue
from zkmargin.verifier.statements.margin import read_margin_proof

app = typer.Typer(
    help="Deploy the contracts, publish epochs, submit proofs, ask the gate.",
    add_completion=False,
    rich_markup_mode=None,
)

Rpc = Annotated[str, typer.Option("--rpc", metavar="URL", help="JSON-RPC address of a node.")]
Key = Annotated[Path, typer.Option("--key", metavar="KEYFILE", help="Key file of the sender: keystore or raw key.")]
MaxCost = Annotated[
    str,
    typer.Option(
        "--max-cost", metavar="COINS", help="Most that the command may spend, value and fees, in the chain's coin."
    ),
]
DEFAULT_MAX_COST = format_coins(DEFAULT_CEILING_WEI)
DeploymentFile = Annotated[Path, typer.Option("--deployment", metavar="D", help="The deployment's file.")]


@app.command()
@writes("out")
def deploy(
    rpc: Rpc,
    key: Key,
    policy: Policy,
    setup: SetupFile,
    venues: Annotated[
        list[str], typer.Option("--venue", metavar="NAME=0x..", help="A venue and its signing address; repeat it.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="D", help="Where to write the deployment's file.")],
    chain_id: Annotated[
        int, typer.Option("--chain-id", metavar="N", min=1, help="The chain: a node of another one is refused.")
    ],
    oracle: Annotated[
        str | None, typer.Option("--oracle", metavar="0x..", help="First signer of epochs; by default the key itself.")
    ] = None,
    heartbeat: Annotated[
        int | None,
        typer.Option(
            min=1, help="Age in seconds from which a record may be challenged; by default the policy's limit."
        ),
    ] = None,
    grace: Annotated[
        int, typer.Option(min=1, help="Seconds that a challenged account has to answer.")
    ] = DEFAULT_GRACE_SECONDS,
    guardian: Annotated[
        str | None, typer.Option("--guardian", metavar="0x..", help="Who may stop things; by default the key itself.")
    ] = None,
    delay: Annotated[
        int, typer.Option(min=0, help="Seconds between announcing an addition or replacement and its effect.")
    ] = DEFAULT_DELAY_SECONDS,
    listing_delay: Annotated[
        int, typer.Option(min=0, help="Seconds between listing a universe and grants over it.")
    ] = 0,
    max_cost: MaxCost = DEFAULT_MAX_COST,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Deploy timelock, registry and gate, and register venues and policy.

    The key proposes what the timelock, which owns the registry, does after the delay; it lists universes. No Solidity
    compiler is needed. The verifier comes with the first epoch: see publish."""
    addresses = _venues(venues)
    signer = None if oracle is None else parse_address(oracle, "--oracle")
    rules = api.load_policy(policy)
    source = api.load_setup(setup)
    warn_if_unsafe(source, setup)
    ceiling = Ceiling(parse_coins(max_cost, "--max-cost"))
    client = connect(rpc, read_key(key), chain_id=chain_id, ceiling=ceiling, journal=Journal.beside(out))
    with progress() as report:
        record = deploy_contracts(
            client,
            rules,
            source,
            setup,
            addresses,
            oracle=signer,
            heartbeat_seconds=heartbeat,
            grace_seconds=grace,
            guardian=None if guardian is None else parse_address(guardian, "--guardian"),
            delays=Delays(delay, listing_delay),
            report=report,
        )
    write_deployment_record(out, record, replace=force)
    client.journal.close()
    if delay == 0:
        note("UNSAFE: without a delay the owner swaps verifier, venues and oracle, and swaps them back, unseen")
    result = {
        "unsafe_delay": delay == 0,
        "delay": delay,
        "deployment": str(out),
        "chain_id": record.chain_id,
        "registry": format_address(record.registry),
        "gate": format_address(record.gate),
        "timelock": format_address(record.timelock),
        "policy": {"name": rules.name, "digest": "0x" + rules.digest.hex()},
        "venues": {name: format_address(address) for name, address in record.venues.items()},
        "gas_used": client.gas_used,
        **setup_fields(source),
    }
    if as_json:
        print_json(result)
        return
    print_table(
        {
            "deployment": f"{out}: chain {record.chain_id}",
            "registry": format_address(record.registry),
            "gate": format_address(record.gate),
            "timelock": f"{format_address(record.timelock)}: {delay} s" + (", UNSAFE" if delay == 0 else ""),
            "policy": rules.name,
            **{f"venue {name}": format_address(address) for name, address in record.venues.items()},
            "gas": f"{client.gas_used:,}",
        }
    )


@app.command()
def publish(
    rpc: Rpc,
    key: Key,
    deployment: DeploymentFile,
    market: Market,
    setup: Annotated[
        Path | None, typer.Option("--setup", metavar="S", help="Setup file; by default the one deployed with.")
    ] = None,
    oracle_key: Annotated[
        Path | None,
        typer.Option("--oracle-key", metavar="KEYFILE", help="Key that signs the epoch; by default the sender's."),
    ] = None,
    pin: Annotated[
        bool, typer.Option("--pin/--no-pin", help="Keep the commitments on chain, so that submissions are cheaper.")
    ] = True,
    max_cost: MaxCost = DEFAULT_MAX_COST,
    as_json: Json = False,
) -> None:
    """Post an epoch as the oracle.

    The first epoch of a universe also deploys the policy's verifier over it. Under a listing delay that run says when
    to run the same command again, which then publishes."""
    record = read_deployment_record(deployment)
    where = Path(record.setup_path) if setup is None else setup
    try:
        source = api.load_setup(where)
    except FileNotFoundError:
        raise ChainError(
            f"--setup: expected the setup that was deployed with at {where}; name it with --setup"
        ) from None
    sender = read_key(key)
    ceiling = Ceiling(parse_coins(max_cost, "--max-cost"))
    client = connect(rpc, sender, chain_id=record.chain_id, ceiling=ceiling, journal=Journal.beside(deployment))
    with progress() as report:
        report("reading the market", 0, 0)
        data = read_market(market, record.policy, source, load_backend())
        try:
            published = publish_epoch(
                client,
                record,
                data,
                source,
                oracle_key=sender if oracle_key is None else read_key(oracle_key),
                pin=pin,
                report=report,
            )
        except ListedForLater:
            # What this run does is done; the next one finds it on chain.
            client.journal.close()
            raise
    client.journal.close()
    warn_if_unsafe(source, where)
    result = {
        "epoch": "0x" + published.digest.hex(),
        "epoch_time": format_seconds(published.epoch_time),
        "verifier": format_address(published.verifier),
        "new_verifier": published.new_verifier,
        "gas_used": published.gas_used,
        "transaction": published.transaction,
        **setup_fields(source),
    }
    if as_json:
        print_json(result)
        return
    print_table(
        {
            "epoch": f"0x{published.digest.hex()} of {format_seconds(published.epoch_time)}",
            "verifier": format_address(published.verifier) + (" (new)" if published.new_verifier else ""),
            "gas": f"{published.gas_used:,}",
            "transaction": published.transaction,
        }
    )


@app.command()
def submit(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="The proof, bound to the deployment's gate.")],
    rpc: Rpc,
    key: Key,
    deployment: DeploymentFile,
    market: Market,
    max_cost: MaxCost = DEFAULT_MAX_COST,
    as_json: Json = False,
) -> None:
    """Verify a proof on chain and open the gate for its account until expiry.

    Anyone may send it. Exit code 1 when the contract rejects the proof."""
    record = read_deployment_record(deployment)
    margin = read_margin_proof(proof, key_recovery())
    terms = read_market_terms(market)
    ceiling = Ceiling(parse_coins(max_cost, "--max-cost"))
    client = connect(rpc, read_key(key), chain_id=record.chain_id, ceiling=ceiling, journal=Journal.beside(deployment))
    submission = submit_proof(client, record, margin, terms)
    client.journal.close()
    if as_json:
        print_json(submission.to_json())
        return
    print_table(
        {
            "account": format_address(margin.statement.account),
            "adequate until": format_seconds(submission.expires_at),
            "gas": f"{submission.gas_used:,}",
            "transaction": submission.transaction,
        }
    )


@app.command()
def status(
    rpc: Rpc,
    deployment: DeploymentFile,
    account: Annotated[str, typer.Option("--account", metavar="0x..", help="The account.")],
    max_age: Annotated[
        int | None, typer.Option(min=0, metavar="SECONDS", help="Oldest snapshot that counts; by default any.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show whether an account is adequate at the gate."""
    record = read_deployment_record(deployment)
    holder = parse_address(account, "--account")
    client = connect(rpc, chain_id=record.chain_id)
    found = (
        ask_status(client, record, holder) if max_age is None else ask_status(client, record, holder, max_age=max_age)
    )
    if as_json:
        print_json(found.to_json())
        return
    lines = {"account": account, "adequate": "yes" if found.adequate else "no", "policy": found.policy}
    if found.state == "none":
        lines["record"] = "none"
    else:
        lines["epoch"] = "unknown" if found.epoch is None else f"0x{found.epoch.hex()}"
        lines["epoch time"] = format_seconds(found.epoch_time)
        lines["snapshot"] = format_seconds(found.snapshot_time)
        lines["expires at"] = format_seconds(found.expires_at)
        lines["cover"] = f"{found.cover / 1_000_000:g}"
    if found.seconds_to_answer is not None:
        lines["challenged"] = f"{found.seconds_to_answer} s left to answer"
    if found.state in ("lapsed", "resigned"):
        lines["state"] = found.state
    if found.failing:
        lines["failing"] = "a challenge was not answered in time"
    if found.revoked:
        lines["revoked"] = "a venue has revoked an attestation behind the record"
    print_table(lines)
    if found.failing:
        note(f"{account} is failing at the gate: liquidators may act on it")


@app.command()
def audit(
    rpc: Rpc,
    deployment: DeploymentFile,
    policy: Policy,
    setup: SetupFile,
    market: Market,
    as_json: Json = False,
) -> None:
    """Rebuild a deployment and compare: code, verifier, terms, venues, who could change what, and how fast.

    Exit code 1 when anything is not what it should be."""
    record, rules = read_deployment_record(deployment), api.load_policy(policy)
    source = api.load_setup(setup)
    data = read_market(market, rules, source, load_backend())
    found = audit_deployment(connect(rpc, chain_id=record.chain_id), record, rules, data, source)
    warn_if_unsafe(source, setup)
    if as_json:
        print_json(found.to_json())
    else:
        lines = {"deployment": "is what it claims" if found.stands else "IS NOT WHAT IT CLAIMS"}
        lines |= {f"difference {number}": text for number, text in enumerate(found.differences, 1)}
        lines |= {f"danger {number}": text for number, text in enumerate(found.dangers, 1)}
        print_table(lines | found.powers)
    if not found.stands:
        raise typer.Exit(1)


def _venues(given: list[str]) -> dict[str, bytes]:
    """NAME=0x.. pairs."""
    venues: dict[str, bytes] = {}
    for text in given:
        name, separator, address = text.partition("=")
        if not separator:
            raise ChainError(f"--venue: expected NAME=0x.., got {text[:80]!r}")
        check_venue(name, "--venue")
        if name in venues:
            raise ChainError(f"--venue: expected each venue once, got {name} twice")
        venues[name] = parse_address(address, f"--venue {name}")
    return venues
