/** One thing that a machine may tell about itself. */
export type Sensor<T> = {
  /** Why there is no such sensor here; undefined when there is. */
  missing(): Promise<string | undefined>;
  /** Throws when it can't be read now. What it says may be nonsense: each rule knows what can't be. */
  read(): Promise<T>;
};

export type Power = { onMains: boolean; percent: number | undefined };
export type Room = { free: number; total: number };

/** Where the owner's rules learn what goes on: the real machine, or a test's. */
export type Sources = {
  clock: {
    /** Time of day, in ms. */
    wall(): number;
    /** Never set back, in ms. */
    steady(): number;
  };
  /** Seconds since somebody used keyboard, mouse or a terminal. */
  idleSeconds: Sensor<number>;
  power: Sensor<Power>;
  /** Cores that other programs kept busy since it was read last; ours do not count. */
  othersLoad: Sensor<number>;
  memory: Sensor<Room>;
  /** Of the file system that holds the tasks' folders. */
  disk: Sensor<Room>;
  /** The hottest part, in degrees Celsius. */
  temperature: Sensor<number>;
  /** Names of the programs that run, ours aside. */
  programs: Sensor<ReadonlySet<string>>;
  /** Whether the network is paid by the byte. */
  metered: Sensor<boolean>;
  /** Bytes that this worker sent and received today. */
  traffic: Sensor<number>;
};

/** Which sensor a rule of worker.toml needs, by the rule's name there; the schedule needs the clock only. */
export const SENSOR_OF = {
  "user-idle": "idleSeconds",
  "on-battery": "power",
  "others-load": "othersLoad",
  "free-memory": "memory",
  "free-disk": "disk",
  "max-temperature": "temperature",
  "exclusive-programs": "programs",
  metered: "metered",
  "traffic-per-day": "traffic",
} as const satisfies Record<string, Exclude<keyof Sources, "clock">>;
