/** How long a test waits for something that must happen; never decides which of two things happened. */
const PATIENCE_MS = 25_000;

/**
 * Waits for something that must happen, and says what never did.
 *
 * @param show - what else to tell then
 */
export async function within<T>(what: string, work: Promise<T>, show: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`never happened: ${what}\n${show()}`));
  }, PATIENCE_MS);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
