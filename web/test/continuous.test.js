import assert from "node:assert/strict";
import { test } from "node:test";
import { Continuous } from "../src/continuous.js";

const RATE = 48_000;

/** What a microphone gives: 10 ms that were taken at `time` in milliseconds. */
function data(time) {
  return {
    timestamp: time * 1000,
    numberOfFrames: RATE / 100,
    numberOfChannels: 2,
    copyTo: (samples) => samples.fill(1),
    close() {},
  };
}

/** Begins with 1020 ms and gives what `taken` make of it: the pieces, one after the other. */
function pieces(taken) {
  const sound = new Continuous(RATE);
  // Some are lost at first, and some are late.
  for (const time of [600, 610, ...times(800, 10), 940, 925, 920, ...times(930, 9)]) {
    assert.deepEqual(sound.take(data(time), false), []);
  }
  return taken.flatMap((time) => sound.take(data(time), true));
}

/** So many times of what is taken one after the other from `begin` on. */
const times = (begin, count) => Array.from({ length: count }, (_, index) => begin + 10 * index);

const first = (piece) => piece.channels[0][0];
const length = (piece) => (piece.channels[0].length * 1000) / RATE;

test("pieces follow each other, whatever their times are", () => {
  const late = times(1020, 300).map((time, index) => time + (index % 7 === 0 ? 40 : 0));
  const got = pieces(late);
  assert.equal(got.length, 300);
  got.forEach((piece, index) => {
    assert.equal(piece.time, 1020 + 10 * index);
    assert.equal(piece.channels.length, 2);
    assert.equal(first(piece), 1);
  });
});

test("what was lost becomes silence", () => {
  const got = pieces([...times(1020, 100), ...times(1020 + 1000 + 200, 300)]);
  const silent = got.filter((piece) => first(piece) === 0);
  assert.deepEqual(silent.map(length), [200]);
  assert.equal(got.at(-1).time, 1020 + 1000 + 200 + 2990);
});

test("a clock that runs slow or fast is followed", () => {
  for (const step of [9.9, 10.1]) {
    const got = pieces(Array.from({ length: 3000 }, (_, index) => 1020 + step * index));
    const off = got.at(-1).time - (1020 + step * 2999);
    assert.ok(Math.abs(off) < 40, `${step}: ${off} ms`);
    for (let index = 1; index < got.length; index++) {
      const expected = got[index - 1].time + length(got[index - 1]);
      assert.ok(Math.abs(got[index].time - expected) < 1e-6, "there is a hole");
    }
  }
});

test("a night is not filled in at once", () => {
  const night = 8 * 60 * 60 * 1000;
  const got = pieces([...times(1020, 150), ...times(night, 200)]);
  for (const piece of got) assert.ok(length(piece) <= 5000);
});
