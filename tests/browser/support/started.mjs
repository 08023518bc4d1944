// The servers and browsers that a test file has started. `node --test` does not end while one of them
// runs, so all are ended with the file, also if its tests failed.

const ends = [];
let isOver = false;

/** Registers `end` to be called after the tests of this file; it must tolerate a second call. After
 * that (if another start failed) it is called at once. */
export function endWithTheFile(end) {
  if (isOver) { end(); } else { ends.push(end); }
}

/** Ends everything that was started. */
export async function endAll() {
  isOver = true;
  const ended = await Promise.allSettled(ends.map((end) => end()));
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed) { throw failed.reason; }
}
