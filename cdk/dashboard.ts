import { Duration } from "aws-cdk-lib";
import { Dashboard as CloudWatchDashboard, GraphWidget } from "aws-cdk-lib/aws-cloudwatch";
import { Operation } from "aws-cdk-lib/aws-dynamodb";
import { Construct } from "constructs";
import type { Watched } from "./alarms.ts";

const WIDTH = 12;

/** One page: is it used, is it well, what does it cost. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { table, api, sweep }: Watched) {
    super(scope, id);
    const sum = { statistic: "Sum", period: Duration.minutes(5) };
    new CloudWatchDashboard(this, "Dashboard", {
      defaultInterval: Duration.days(1),
      widgets: [
        [
          new GraphWidget({
            title: "Requests, failures",
            width: WIDTH,
            left: [api.metricInvocations(sum)],
            right: [api.metricErrors(sum), api.metricThrottles(sum)],
          }),
          new GraphWidget({
            title: "Duration (ms)",
            width: WIDTH,
            left: ["p50", "p99"].map((statistic) => api.metricDuration({ statistic, period: sum.period })),
          }),
        ],
        [
          new GraphWidget({
            title: "Table: units",
            width: WIDTH,
            left: [table.metricConsumedReadCapacityUnits(sum), table.metricConsumedWriteCapacityUnits(sum)],
            right: [table.metricThrottledRequestsForOperation(Operation.PUT_ITEM, sum)],
          }),
          new GraphWidget({
            title: "Sweep",
            width: WIDTH,
            left: [sweep.metricInvocations(sum), sweep.metricErrors(sum)],
            right: [sweep.metricDuration({ statistic: "Maximum", period: sum.period })],
          }),
        ],
      ],
    });
  }
}
