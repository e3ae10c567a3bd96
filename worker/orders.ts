/** What the owner of this worker ordered from afar: drained, it takes nothing new and only listens, until it is resumed. */
export type Orders = {
  readonly drained: boolean;
  /** What an answer of the server said; a server that says nothing orders nothing. */
  hear(drained: boolean | undefined): void;
};

export function createOrders(changed: (drained: boolean) => void): Orders {
  let drained = false;
  return {
    get drained() {
      return drained;
    },
    hear(told = drained) {
      if (told === drained) return;
      drained = told;
      changed(drained);
    },
  };
}
