// The page around the check: a file comes in by drop or by choice, balances and a verdict come out. No server.

import { checkInclusion } from "./check.mjs";

const config = JSON.parse(document.getElementById("config").textContent);
const verdict = document.getElementById("verdict");
const table = document.getElementById("balances");
const drop = document.getElementById("drop");

function show(kind, text) {
  verdict.className = kind;
  verdict.textContent = text;
}

async function judge(file) {
  table.hidden = true;
  show("busy", "Checking…");
  await new Promise((resolve) => setTimeout(resolve));
  try {
    const found = checkInclusion(await file.text(), config);
    const rows = found.balances.map((balance) => {
      const row = document.createElement("tr");
      for (const value of [balance.asset, balance.equity, balance.debt, balance.collateral]) {
        const cell = document.createElement("td");
        cell.textContent = value;
        row.append(cell);
      }
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);
    table.hidden = false;
    show("valid", `Included in full: these are the balances that ${found.exchange} owed you on ${found.asOf}.`);
  } catch (error) {
    show("rejected", `Not included: ${error.message}`);
  }
}

document.getElementById("digest").textContent = config.liabilities;
document.getElementById("file").addEventListener("change", (event) => judge(event.target.files[0]));
drop.addEventListener("dragover", (event) => event.preventDefault());
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  judge(event.dataTransfer.files[0]);
});
globalThis.zkmargin = { check: (text) => checkInclusion(text, config) };
