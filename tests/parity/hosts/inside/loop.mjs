// The loop inside a runtime: fetches tasks from the desk, plays them side by side, and brings the transcripts back. Runs in
// every runtime, so it knows nothing but `fetch`.

/** Resolves when the desk is gone. Then nobody waits for anything any more. */
export async function serve(desk, play) {
  for (;;) {
    const answer = await fetch(`${desk}/task`).catch(() => undefined);
    if (!answer?.ok) return;
    // Nobody wants anything for the time being.
    if (answer.status === 204) continue;
    const { id, task } = await answer.json();
    void answerWith(desk, id, () => play(task));
  }
}

async function answerWith(desk, id, play) {
  let answer;
  try {
    answer = { id, transcript: await play() };
  } catch (error) {
    answer = { id, error: String(error?.stack ?? error) };
  }
  // Without the desk the loop ends as well.
  await fetch(`${desk}/transcript`, { method: "POST", body: JSON.stringify(answer) }).catch(() => {});
}
