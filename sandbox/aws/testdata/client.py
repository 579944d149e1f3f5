"""Uses the local AWS through boto3 as an application would, and fails at the
first answer that is not what boto3 expects of AWS. Its one argument is a
deployment package of the test function."""

import io
import json
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "111122223333"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response
    raise AssertionError(f"{call.__name__} was answered, want {code}")


def identity():
    sts, iam = boto3.client("sts"), boto3.client("iam")
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "team", "Value": "a"}])["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    iam.get_waiter("role_exists").wait(RoleName="worker")
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
    iam.put_role_policy(RoleName="worker", PolicyName="rights", PolicyDocument=json.dumps(rights))
    assert iam.get_role_policy(RoleName="worker", PolicyName="rights")["PolicyDocument"] == rights
    for n in range(5):
        iam.create_role(RoleName=f"r{n}", AssumeRolePolicyDocument=TRUST)
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
    names = [r["RoleName"] for page in pages for r in page["Roles"]]
    assert names == ["r0", "r1", "r2", "r3", "r4", "worker"], names
    refused("EntityAlreadyExists", iam.create_role, RoleName="worker", AssumeRolePolicyDocument=TRUST)
    refused("NoSuchEntity", iam.get_role, RoleName="none")
    refused("DeleteConflict", iam.delete_role, RoleName="worker")
    refused("AccessDenied", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="me")
    trust = TRUST.replace('"Service": "lambda.amazonaws.com"', f'"AWS": "{ACCOUNT}"')
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=trust)
    session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=TRUST)
    return boto3.Session(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])


def objects(worker):
    s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
    s3.create_bucket(Bucket="files")
    s3.get_waiter("bucket_exists").wait(Bucket="files")
    content = bytes(range(256)) * (80 << 10)  # 20 MiB
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=6 << 20, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(content), "files", "big", Config=parts, ExtraArgs={"Metadata": {"colour": "blue"}, "ContentType": "image/png"})
    head = s3.head_object(Bucket="files", Key="big")
    assert head["ETag"].endswith('-4"') and head["Metadata"] == {"colour": "blue"} and head["ContentType"] == "image/png", head
    back = io.BytesIO()
    s3.download_fileobj("files", "big", back, Config=parts)
    assert back.getvalue() == content, "20 MiB came back otherwise"

    for n in range(25):
        s3.put_object(Bucket="files", Key=f"many/{n:02}", Body=str(n), ChecksumAlgorithm="SHA256")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="files", Prefix="many/", PaginationConfig={"PageSize": 10}))
    assert [len(p["Contents"]) for p in pages] == [10, 10, 5]
    assert [p["Prefix"] for p in s3.list_objects_v2(Bucket="files", Delimiter="/")["CommonPrefixes"]] == ["many/"]
    assert s3.get_object(Bucket="files", Key="many/07", ChecksumMode="ENABLED")["Body"].read() == b"7"
    found = {o.key for o in boto3.resource("s3").Bucket("files").objects.filter(Prefix="many/2")}
    assert found == {f"many/{n}" for n in range(20, 25)}, found

    for method, body in (("put_object", b"presigned"), ("get_object", None)):
        url = s3.generate_presigned_url(method, Params={"Bucket": "files", "Key": "by/url"}, ExpiresIn=60)
        request = urllib.request.Request(url, data=body, method="PUT" if body else "GET")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
            assert body or answer.read() == b"presigned"

    refused("NoSuchKey", s3.get_object, Bucket="files", Key="none")
    refused("404", s3.head_object, Bucket="files", Key="none")
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="none-such")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket="files")
    refused("PreconditionFailed", s3.put_object, Bucket="files", Key="big", IfNoneMatch="*")
    refused("InvalidRange", s3.get_object, Bucket="files", Key="many/07", Range="bytes=9-")
    assert refused("AccessDenied", worker.client("s3").put_object, Bucket="files", Key="k", Body=b"")["ResponseMetadata"]["HTTPStatusCode"] == 403
    worker.client("s3").list_objects_v2(Bucket="files")
    boto3.resource("s3").Bucket("files").objects.all().delete()
    s3.delete_bucket(Bucket="files")
    s3.get_waiter("bucket_not_exists").wait(Bucket="files")


def functions(package):
    client, logs = boto3.client("lambda"), boto3.client("logs")
    iam = boto3.client("iam")
    iam.attach_role_policy(RoleName="worker", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    with open(package, "rb") as file:
        code = file.read()
    role = iam.get_role(RoleName="worker")["Role"]["Arn"]
    architecture = sys.argv[2]
    made = client.create_function(FunctionName="f", Role=role, Runtime="provided.al2023", Handler="bootstrap", Code={"ZipFile": code}, Architectures=[architecture])
    client.get_waiter("function_active_v2").wait(FunctionName="f")
    answer = client.invoke(FunctionName="f", Payload=json.dumps({"do": "log", "text": "from boto3"}))
    assert "FunctionError" not in answer and json.load(answer["Payload"])["arn"] == made["FunctionArn"]
    answer = client.invoke(FunctionName="f", Payload=json.dumps({"do": "fail", "text": "on purpose"}))
    assert answer["FunctionError"] == "Unhandled" and json.load(answer["Payload"])["errorMessage"] == "on purpose"
    client.update_function_configuration(FunctionName="f", Timeout=11)
    client.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert [f["Timeout"] for p in client.get_paginator("list_functions").paginate() for f in p["Functions"]] == [11]
    events = [e["message"] for p in logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/f") for e in p["events"]]
    assert any("from boto3" in e for e in events), events
    refused("ResourceConflictException", client.create_function, FunctionName="f", Role=role, Runtime="provided.al2023", Handler="bootstrap", Code={"ZipFile": code})
    client.delete_function(FunctionName="f")
    refused("ResourceNotFoundException", client.get_function, FunctionName="f")


def stacks():
    client = boto3.client("cloudformation")
    template = {"Parameters": {"Value": {"Type": "String"}}, "Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Name": "/p", "Value": {"Ref": "Value"}}}}}

    def parameters(value):
        return {"StackName": "app", "TemplateBody": json.dumps(template), "Parameters": [{"ParameterKey": "Value", "ParameterValue": value}]}

    client.create_stack(**parameters("one"))
    client.get_waiter("stack_create_complete").wait(StackName="app", WaiterConfig={"Delay": 1})
    client.update_stack(**parameters("two"))
    client.get_waiter("stack_update_complete").wait(StackName="app", WaiterConfig={"Delay": 1})
    assert boto3.client("ssm").get_parameter(Name="/p")["Parameter"]["Value"] == "two"
    refused("ValidationError", client.update_stack, **parameters("two"))
    refused("AlreadyExistsException", client.create_stack, **parameters("two"))
    client.create_change_set(ChangeSetName="next", **parameters("three"))
    client.get_waiter("change_set_create_complete").wait(StackName="app", ChangeSetName="next", WaiterConfig={"Delay": 1})
    changes = client.describe_change_set(StackName="app", ChangeSetName="next")["Changes"]
    assert [c["ResourceChange"]["Action"] for c in changes] == ["Modify"], changes
    events = [e for p in client.get_paginator("describe_stack_events").paginate(StackName="app") for e in p["StackEvents"]]
    assert events[-1]["ResourceStatus"] == "CREATE_IN_PROGRESS"
    client.delete_stack(StackName="app")
    client.get_waiter("stack_delete_complete").wait(StackName="app", WaiterConfig={"Delay": 1})
    refused("ParameterNotFound", boto3.client("ssm").get_parameter, Name="/p")


if __name__ == "__main__":
    session = identity()
    objects(session)
    functions(sys.argv[1])
    stacks()
    print("done")
