// What a page says about itself: a word in its head, and a notice on the stage while there is no picture.

const stage = document.getElementById("stage");
const title = document.getElementById("notice-title");
const text = document.getElementById("notice-text");
const word = document.getElementById("status");

let onStage = [stage.dataset.state];
let inHead = [word.dataset.state, word.textContent];
let refusal;

/** How the stage is: `playing`, `waiting` or `stopped`, and what its notice says. */
export function state(...what) {
  onStage = what;
  paint();
}

/** How the connection is: `connecting`, `connected`, `live` or `broken`, and the word for it. */
export function status(...what) {
  inHead = what;
  paint();
}

/** That there is no session, in words `{ title, text, patient }`, until it is called without; `patient`: it may yet come. */
export function turnedAway(words) {
  refusal = words;
  paint();
}

/** What a person has to do first, with a link `{ text, href, label }`. */
export function hindered(obstacle) {
  state("stopped", "One more step", obstacle.text);
  status("broken", "Not connected");
  const link = Object.assign(document.createElement("a"), { href: obstacle.href, textContent: obstacle.label });
  document.getElementById("notice").append(link);
}

function paint() {
  const [name, heading, sentence] = refusal
    ? [refusal.patient ? "waiting" : "stopped", refusal.title, refusal.text]
    : onStage;
  const [sort, short] = refusal && !refusal.patient ? ["broken", "Not let in"] : inHead;
  stage.dataset.state = name;
  if (heading) {
    title.textContent = heading;
    text.textContent = sentence;
  }
  word.dataset.state = sort;
  word.textContent = short;
}
