// The page around the check: who you are is typed, a file comes in by drop or by choice, balances and a verdict come out.

import { checkInclusion, identifierName, Rejected } from "./check.mjs";

const config = JSON.parse(document.getElementById("config").textContent);
const [verdict, who, table, drop, typed] = ["verdict", "who", "balances", "drop", "customer"].map((id) =>
  document.getElementById(id),
);
let given = null;

function show(kind, text, name = "") {
  verdict.className = kind;
  verdict.textContent = text;
  who.textContent = name;
}

async function judge(file) {
  if (!file) return;
  given = file;
  table.hidden = true;
  if (typed.value.trim() === "") {
    show("busy", `Type your ${identifierName(config.identifier)} first: the file must be yours.`);
    return;
  }
  show("busy", "Checking…");
  await new Promise((resolve) => setTimeout(resolve));
  try {
    const found = checkInclusion(new Uint8Array(await file.arrayBuffer()), config, typed.value);
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
    show("valid", `Included in full: these are the balances that ${found.exchange} owed you on ${found.asOf}.`, found.customer);
  } catch (error) {
    if (error instanceof Rejected) show("rejected", `Not included: ${error.message}.`);
    else show("unchecked", `Not checked: this is not an inclusion file that can be read: ${error.message}.`);
  }
}

document.getElementById("exchange").textContent = `${config.exchange}, ${config.as_of}`;
document.getElementById("digest").textContent = config.liabilities;
document.getElementById("name").textContent = identifierName(config.identifier);
document.getElementById("file").addEventListener("change", (event) => judge(event.target.files[0]));
typed.addEventListener("change", () => judge(given));
drop.addEventListener("dragover", (event) => event.preventDefault());
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  judge(event.dataTransfer.files[0]);
});
globalThis.zkmargin = { check: (bytes, customer) => checkInclusion(bytes, config, customer), Rejected };
