// The page around the check: who you are is typed, a file comes in by drop or by choice, balances and a verdict come out.

import { Rejected } from "./bytes.mjs";
import { checkInclusion, identifierName } from "./check.mjs";
import { checkReceipt, isReceipt } from "./receipt.mjs";

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

/** Whether the bytes were a receipt; then what it says is shown. */
function receipts(bytes) {
  const logged = document.getElementById("logged");
  try {
    if (!isReceipt(bytes)) return false;
  } catch {
    return false;
  }
  const say = (kind, text) => Object.assign(logged, { className: kind, textContent: text });
  if (config.log_key === "") {
    say("unchecked", "Receipt not checked: this page was made for no log.");
    return true;
  }
  try {
    const entry = checkReceipt(bytes, config.log_key);
    const same = entry.exchange === config.exchange && entry.asOf === config.as_of;
    if (!same) say("unchecked", `This receipt is about ${entry.exchange} as of ${entry.asOf}, and says nothing of this page.`);
    else if (entry.liabilities === config.liabilities) say("valid", "The log holds this page's digest for this exchange and time.");
    else say("rejected", `TWO DIGESTS: the log holds ${entry.liabilities} for this exchange and time. Keep the receipt and this page: they are proof.`);
  } catch (error) {
    say(error instanceof Rejected ? "rejected" : "unchecked", `Receipt not right: ${error.message}.`);
  }
  return true;
}

async function judge(file) {
  if (!file) return;
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (receipts(bytes)) return;
  given = file;
  table.hidden = true;
  if (typed.value.trim() === "") {
    show("busy", `Type your ${identifierName(config.identifier)} first: the file must be yours.`);
    return;
  }
  show("busy", "Checking…");
  await new Promise((resolve) => setTimeout(resolve));
  try {
    const found = checkInclusion(bytes, config, typed.value);
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
globalThis.zkmargin = {
  check: (bytes, customer) => checkInclusion(bytes, config, customer),
  receipt: (bytes) => checkReceipt(bytes, config.log_key),
  Rejected,
};
