const MOST_REMEMBERED = 10_000;

/** Sets an entry of a memory whose entries can all be found out again: one that is full starts afresh, which costs a look for each. */
export function remember<K, V>(memory: Map<K, V>, key: K, value: V, most = MOST_REMEMBERED): void {
  if (memory.size >= most) memory.clear();
  memory.set(key, value);
}
