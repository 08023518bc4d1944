// What a test file has started. A server or a browser that still runs keeps `node --test` from
// ending, so all of them end with the file, whatever became of its tests.

const ends = [];
let isOver = false;

/** Has `end` called after the tests of this file; it may have been called before. What starts
 * later still, because another start failed, ends at once. */
export function endWithTheFile(end) {
  if (isOver) { end(); } else { ends.push(end); }
}

/** Ends all that was started. */
export async function endAll() {
  isOver = true;
  const ended = await Promise.allSettled(ends.map((end) => end()));
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed) { throw failed.reason; }
}
