package s3

import (
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

const (
	encryptionHeader = "x-amz-server-side-encryption"
	keyHeader        = encryptionHeader + "-aws-kms-key-id"
	bucketKeyHeader  = encryptionHeader + "-bucket-key-enabled"

	withKMS      = "aws:kms"
	withKMSTwice = "aws:kms:dsse"
)

// encryption is how a bucket encrypts new objects whose requests say nothing of it;
// see "Setting default server-side encryption behavior for Amazon S3 buckets".
type encryption struct {
	algorithm string // empty is S3's own
	key       string // of KMS; empty is the account's own
	bucketKey bool
	customers bool // customers' keys may be used, which new buckets block
}

// encryptionDocument is a ServerSideEncryptionConfiguration.
type encryptionDocument struct {
	XMLName xml.Name         `xml:"ServerSideEncryptionConfiguration"`
	XMLNS   string           `xml:"xmlns,attr,omitempty"`
	Rules   []encryptionRule `xml:"Rule"`
}

type encryptionRule struct {
	Default *struct {
		Algorithm string  `xml:"SSEAlgorithm"`
		Key       *string `xml:"KMSMasterKeyID"`
	} `xml:"ApplyServerSideEncryptionByDefault"`
	BucketKeyEnabled bool
	Blocked          *struct {
		Types []string `xml:"EncryptionType"`
	} `xml:"BlockedEncryptionTypes"`
}

// xml is the document that says so.
func (e encryption) xml() []byte {
	var rule encryptionRule
	rule.Default = &struct {
		Algorithm string  `xml:"SSEAlgorithm"`
		Key       *string `xml:"KMSMasterKeyID"`
	}{Algorithm: e.label()}
	if e.key != "" {
		rule.Default.Key = &e.key
	}
	rule.BucketKeyEnabled = e.bucketKey
	rule.Blocked = &struct {
		Types []string `xml:"EncryptionType"`
	}{[]string{"SSE-C"}}
	if e.customers {
		rule.Blocked.Types = []string{"NONE"}
	}
	body, _ := xml.Marshal(encryptionDocument{XMLNS: namespaceXML, Rules: []encryptionRule{rule}}) // strings only: cannot fail
	return append([]byte(xml.Header), body...)
}

// label is the algorithm's name.
func (e encryption) label() string {
	if e.algorithm == "" {
		return defaultEncrypt
	}
	return e.algorithm
}

// checkEncryption reads a bucket's encryption. Whether KMS has the key turns out when
// it is used; see PutBucketEncryption (Amazon S3 API Reference).
func checkEncryption(c *call, body []byte) (func(*bucket), error) {
	var in encryptionDocument
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if len(in.Rules) != 1 {
		return nil, malformedXML()
	}
	rule := in.Rules[0]
	var e encryption
	if d := rule.Default; d != nil {
		if !slices.Contains([]string{defaultEncrypt, withKMS, withKMSTwice}, d.Algorithm) {
			return nil, malformedXML()
		}
		if d.Key != nil && d.Algorithm == defaultEncrypt {
			return nil, invalidArgument("ApplyServerSideEncryptionByDefault", "null",
				"a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
		if e.algorithm = d.Algorithm; d.Key != nil {
			e.key = *d.Key
		}
		e.bucketKey = rule.BucketKeyEnabled && d.Algorithm == withKMS
	}
	if rule.Default == nil && rule.Blocked == nil {
		return nil, malformedXML()
	}
	if rule.Blocked != nil {
		for _, t := range rule.Blocked.Types {
			if t != "SSE-C" && t != "NONE" {
				return nil, malformedXML()
			}
		}
	}
	return func(b *bucket) {
		e.customers = b.encryption.customers
		if rule.Default == nil {
			e = b.encryption
		}
		if rule.Blocked != nil {
			e.customers = !slices.Contains(rule.Blocked.Types, "SSE-C")
		}
		b.encryption = e
		b.config["encryption"] = e.xml()
	}, nil
}

// encryption reads how a new object is encrypted, as labels that are kept with it:
// as the request says or, where that says nothing, as the bucket does. The caller
// must have the right to the key.
func (c *call) encryption() (map[string]string, error) {
	c.s.mu.RLock()
	b, err := c.s.bucket(c.bucket)
	var d encryption
	if err == nil {
		d = b.encryption
	}
	c.s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	if sum, err := c.customerKey(d); err != nil || sum != "" {
		return map[string]string{customerAlgorithm: defaultEncrypt, customerKeyMD5: sum}, err
	}
	out := map[string]string{}
	switch v := c.Header.Get(encryptionHeader); v {
	case "":
		out[encryptionHeader] = d.label()
		if d.key != "" {
			out[keyHeader] = d.key
		}
	case defaultEncrypt, withKMS, withKMSTwice:
		out[encryptionHeader] = v
	default:
		return nil, invalidArgument(encryptionHeader, v, "The encryption method specified is not supported")
	}
	ofKMS := out[encryptionHeader] != defaultEncrypt
	if d.bucketKey && out[encryptionHeader] == withKMS {
		out[bucketKeyHeader] = "true"
	}
	for name := range c.Header {
		name = strings.ToLower(name)
		switch {
		case !strings.HasPrefix(name, encryptionHeader+"-"):
		case name != keyHeader && name != bucketKeyHeader:
			return nil, notImplemented("Header", name) // encryption contexts
		case !ofKMS, name == keyHeader && c.Header.Get(encryptionHeader) == "":
			return nil, invalidArgument(encryptionHeader, c.Header.Get(encryptionHeader),
				"Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		default:
			out[name] = c.Header.Get(name)
		}
	}
	if on, err := strconv.ParseBool(out[bucketKeyHeader]); err != nil || !on {
		delete(out, bucketKeyHeader) // S3 does not say that there is none
	}
	if out[keyHeader] == "" {
		return out, nil
	}
	out[keyHeader], err = c.useKey("GenerateDataKey", out)
	return out, err
}

// useKey has KMS decide whether the caller may use the key of the labels for the
// call's object, and returns its ARN. With a bucket key, what is encrypted is the
// bucket's; see "Using server-side encryption with AWS KMS keys (SSE-KMS)".
func (c *call) useKey(action string, labels map[string]string) (arn string, err error) {
	if c.s.UseKey == nil {
		return "", notImplemented("Header", keyHeader)
	}
	if c.Region != c.s.Region { // where KMS has no keys
		return "", api.Errorf(http.StatusBadRequest, "KMS.NotFoundException", "Invalid arn %s", c.s.Region)
	}
	of := objectARN(c.bucket, c.key)
	if labels[bucketKeyHeader] != "" {
		of = bucketARN(c.bucket)
	}
	return c.s.UseKey(c.Request, action, labels[keyHeader], "s3", map[string]string{"aws:s3:arn": of})
}

// decrypt checks that the caller may use the key with which something is
// encrypted, by its labels. Keys of S3's own, and that of the account, need
// no right beyond reading.
func (c *call) decrypt(labels map[string]string) error {
	if labels[keyHeader] == "" {
		return nil
	}
	_, err := c.useKey("Decrypt", labels)
	return err
}

// etag is an object's entity tag: of what is encrypted with a key of KMS or of the
// customer's it is not the sum of the bytes ("Object", Amazon S3 API Reference).
func (c *call) etag(labels map[string]string, sum []byte) string {
	if labels[encryptionHeader] != defaultEncrypt {
		sum = c.s.Bytes(len(sum))
	}
	return hex.EncodeToString(sum)
}

// showEncryption answers with the labels of encryption.
func showEncryption(h http.Header, labels map[string]string) {
	for name, value := range labels {
		if strings.HasPrefix(name, encryptionHeader) {
			h.Set(name, value)
		}
	}
}
