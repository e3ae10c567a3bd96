import { Duration, Validations } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, type IMetric, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Construct } from "constructs";
import { METRICS } from "../functions/config.ts";
import { INDEX_BY_QUEUE } from "../functions/store/keys.ts";

export type Watched = { table: TableV2; api: LambdaFunction; sweep: LambdaFunction };

type Props = Watched & {
  /** Jobs that wait so long for a worker are worth a mail. */
  waitAlarmMinutes: number;
};

type Rule = {
  /** Names the section of docs/deploy.md that says what to do. */
  runbook: string;
  metric: IMetric;
  above?: number;
  below?: number;
  periods: number;
  missing?: TreatMissingData;
};

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

/** What a person has to know of: nine alarms on a metric each, of the ten that an account has for nothing. */
export class Alarms extends Construct {
  constructor(scope: Construct, id: string, { email, ...watched }: Props & { email: string | undefined }) {
    super(scope, id);
    const topic = email === undefined ? undefined : new Topic(this, "Topic", { enforceSSL: true });
    if (email !== undefined) topic?.addSubscription(new EmailSubscription(email));
    if (topic) {
      const reason = "A mail that can't be delivered has nobody to be handed to; the alarm stays on in the console";
      Validations.of(topic).acknowledge({ id: "Serverless-SNSRedrivePolicy", reason });
    }
    for (const [name, rule] of Object.entries(rulesOf(watched))) {
      const alarm = new Alarm(this, name, {
        alarmDescription: `What to do: docs/deploy.md#${rule.runbook}`,
        metric: rule.metric,
        threshold: rule.above ?? rule.below ?? 0,
        comparisonOperator:
          rule.below === undefined ? ComparisonOperator.GREATER_THAN_THRESHOLD : ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: rule.periods,
        treatMissingData: rule.missing ?? TreatMissingData.NOT_BREACHING,
      });
      if (topic) alarm.addAlarmAction(new SnsAction(topic));
    }
  }
}

function rulesOf({ table, api, sweep, waitAlarmMinutes }: Props): Record<string, Rule> {
  const sum = { statistic: "Sum", period: FIVE_MINUTES };
  const throttled = (metricName: string, index?: string) =>
    new Metric({
      namespace: "AWS/DynamoDB",
      metricName,
      dimensionsMap: { TableName: table.tableName, ...(index !== undefined && { GlobalSecondaryIndexName: index }) },
      ...sum,
    });
  const busy = { runbook: "the-table-is-throttled", above: 0, periods: 2 };
  return {
    ApiFails: { runbook: "the-api-fails", metric: api.metric("Url5xxCount", sum), above: 5, periods: 1 },
    ApiThrottled: { runbook: "the-api-is-throttled", metric: api.metricThrottles(sum), above: 0, periods: 2 },
    ApiSlow: {
      runbook: "the-api-is-slow",
      metric: api.metricDuration({ statistic: "p99", period: FIVE_MINUTES }),
      above: 3000,
      periods: 3,
    },
    SweepFails: { runbook: "the-sweep-fails", metric: sweep.metricErrors(sum), above: 0, periods: 2 },
    // No data is the very thing that it looks for.
    SweepStopped: {
      runbook: "the-sweep-stopped",
      metric: sweep.metricInvocations({ statistic: "Sum", period: MINUTE }),
      below: 1,
      periods: 5,
      missing: TreatMissingData.BREACHING,
    },
    JobsWait: {
      runbook: "jobs-wait",
      metric: new Metric({
        namespace: METRICS.namespace,
        metricName: METRICS.oldestWaiting,
        dimensionsMap: { [METRICS.dimension]: sweep.functionName },
        statistic: "Maximum",
        period: FIVE_MINUTES,
      }),
      above: waitAlarmMinutes * 60,
      periods: 3,
    },
    ReadsThrottled: { ...busy, metric: throttled("ReadThrottleEvents") },
    WritesThrottled: { ...busy, metric: throttled("WriteThrottleEvents") },
    QueueThrottled: { ...busy, metric: throttled("WriteThrottleEvents", INDEX_BY_QUEUE) },
  };
}
