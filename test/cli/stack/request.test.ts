import { describe, expect, it } from "vitest";
import { sign } from "../../../cli/stack/request.ts";

describe("a request to AWS", () => {
  it("is signed as AWS's own test suite has it (post-x-www-form-urlencoded)", () => {
    const aws = {
      accessKeyId: "AKIDEXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      region: "us-east-1",
      endpoint: undefined,
    };
    const request = {
      service: "service",
      path: "/",
      body: "Param1=value1",
      type: "application/x-www-form-urlencoded",
      host: "example.amazonaws.com",
      now: new Date("2015-08-30T12:36:00Z"),
    };
    expect(sign(aws, request)["authorization"]).toBe(
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
        "SignedHeaders=content-type;host;x-amz-date, " +
        "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
  });
});
