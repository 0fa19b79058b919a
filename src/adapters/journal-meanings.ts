/** Words that the journal's first file cannot say: what stands there for them, and what is meant (`journal-additions.ts`). */
import type { DatabaseSync } from 'node:sqlite';

/** Where a word stands: of the attempt in flight, of a step (by its row), or of a refusal. */
export type Place = 'flight' | 'code' | `step:${string}`;

/** The words of an open journal. Every method works within the transaction of the caller. */
export interface Meanings {
  /** What is written is `shown`; where it is not what is meant, that is kept beside it. */
  keep(attempt: string, place: Place, shown: string, meant: string): void;
  /** What is meant by what is written of an attempt; that itself, unless more was said. */
  of(attempt: string): (place: Place, shown: string) => string;
}

/** The meanings in the second file, attached as `more`. */
export function meaningsOf(db: DatabaseSync): Meanings {
  return {
    keep: (attempt, place, shown, meant) => {
      if (shown === meant) {
        // What was meant by the same words before is not meant now.
        db.prepare('DELETE FROM more.words WHERE attempt = ? AND place = ?').run(attempt, place);
        return;
      }
      db.prepare('INSERT OR REPLACE INTO more.words (attempt, place, shown, meant) VALUES (?, ?, ?, ?)').run(
        attempt,
        place,
        shown,
        meant,
      );
      // What was said of attempts that are forgotten is forgotten too.
      db.exec(`DELETE FROM more.words WHERE attempt NOT IN (SELECT id FROM main.attempts)
               AND attempt NOT IN (SELECT 'refusal:' || sha256 FROM main.refusals)`);
    },
    of: (attempt) => {
      const rows = db.prepare('SELECT place, shown, meant FROM more.words WHERE attempt = ?').all(attempt);
      const said = new Map(
        rows.map((row) => [`${String(row['place'])} ${String(row['shown'])}`, row['meant']]),
      );
      return (place, shown) => {
        const meant = said.get(`${place} ${shown}`);
        return typeof meant === 'string' ? meant : shown;
      };
    },
  };
}
