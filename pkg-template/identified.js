// Tells a queue of an identify, for those who ask it and for those who serve it. Knows no order.

/** Resolves when `queue` was told. What it throws goes to `onError`: the turn was given all the same. */
export async function tellIdentified(queue, onError, ...what) {
  try {
    await queue.identified?.(...what);
  } catch (error) {
    onError(error);
  }
}
