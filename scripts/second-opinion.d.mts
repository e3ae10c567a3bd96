/** Runs something beside a DynamoDB Local of its own, installed by Maven; `env` says where it is. */
export function withDynamoDbLocal(use: (env: Record<string, string>) => Promise<void>): Promise<void>;
export function withVersitygw(use: (env: Record<string, string>) => Promise<void>): Promise<void>;
