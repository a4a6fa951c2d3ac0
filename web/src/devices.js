// What becomes of it when the page asks for a camera, a microphone or the screen: the publisher waits and does not say.

/** Calls `told` with what to say whenever the browser has answered and gave nothing, and with nothing when it is asked. */
export function watchDevices(told) {
  let asked = 0;
  let words;
  for (const name of ["getUserMedia", "getDisplayMedia"]) {
    navigator.mediaDevices[name] = async (wanted) => {
      if (asked++ === 0) words = undefined;
      told(undefined);
      try {
        return await MediaDevices.prototype[name].call(navigator.mediaDevices, wanted);
      } catch (error) {
        console.warn(`${name}: ${error}`);
        words = trouble(error);
        throw error;
      } finally {
        if (--asked === 0) told(words);
      }
    };
  }
}

/** A heading and a sentence. */
function trouble(error) {
  if (error.name === "NotAllowedError") {
    return [
      "Not allowed",
      "This page may not see or hear you. Allow it beside the address of this page, then choose again.",
    ];
  }
  if (error.name === "NotFoundError") {
    return ["Nothing there", "This browser knows of no such device. Plug one in, then choose again."];
  }
  return ["It does not start", `Another program may be using it; then end that and choose again. (${error.message})`];
}
