import { CfnBudget } from "aws-cdk-lib/aws-budgets";
import { Construct } from "constructs";

const WARN_AT_PERCENT = [50, 80, 100];

/** A mail before the bill surprises. It counts the whole account: a tag would have to be activated by hand first. */
export class Budget extends Construct {
  constructor(scope: Construct, id: string, { email, dollars }: { email: string; dollars: number }) {
    super(scope, id);
    new CfnBudget(this, "Budget", {
      budget: { budgetType: "COST", timeUnit: "MONTHLY", budgetLimit: { amount: dollars, unit: "USD" } },
      notificationsWithSubscribers: WARN_AT_PERCENT.map((threshold) => ({
        notification: { notificationType: "ACTUAL", comparisonOperator: "GREATER_THAN", threshold },
        subscribers: [{ subscriptionType: "EMAIL", address: email }],
      })),
    });
  }
}
