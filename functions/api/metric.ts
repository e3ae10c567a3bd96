import { METRICS } from "../config.ts";

/**
 * A metric of this function, as a line in CloudWatch's embedded metric format: no call, no permission, and nothing to pay but the line. It
 * goes past Lambda's console, whose JSON format would wrap it so that it is none any more.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function metricLine(name: string, seconds: number, { now, of }: { now: number; of: string }): string {
  const metrics = [{ Name: name, Unit: "Seconds" }];
  const told = { Namespace: METRICS.namespace, Dimensions: [[METRICS.dimension]], Metrics: metrics };
  return JSON.stringify({
    _aws: { Timestamp: now, CloudWatchMetrics: [told] },
    [METRICS.dimension]: of,
    [name]: seconds,
  });
}
