/**
 * Where a job stands in its queue, smaller is sooner: the virtual time of its account (fair share: each job is booked behind the account's
 * others), less the head start that its priority gives. No job can be overtaken for ever, because virtual time only grows.
 */
export const orderOf = (virtualTime: number, prioritySeconds: number): number =>
  Math.round(virtualTime) - prioritySeconds * 1000;
