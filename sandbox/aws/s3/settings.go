package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// concerns reports whether a policy's resource is the bucket or inside it.
func concerns(resource, name string) bool {
	arn := bucketARN(name)
	return resource == arn || strings.HasPrefix(resource, arn+"/") || resource == arn+"*"
}

// publicAccess is a bucket's PublicAccessBlockConfiguration.
type publicAccess struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

// publicAccessXML is what buckets have had from the start since April 2023.
func publicAccessXML() []byte {
	return []byte(`<PublicAccessBlockConfiguration xmlns="` + namespaceXML + `"><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>` +
		`<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`)
}

func (b *bucket) publicAccess() publicAccess {
	body, ok := b.config["publicAccessBlock"]
	if !ok {
		body = publicAccessXML()
	}
	var p publicAccess
	_ = xml.Unmarshal(body, &p) // it was checked when it was put; a removed one blocks nothing
	return p
}

func checkPublicAccess(_ *call, body []byte) (func(*bucket), error) {
	var in publicAccess
	return nil, read(body, &in)
}

func ownershipXML(ownership string) []byte {
	return []byte(`<OwnershipControls xmlns="` + namespaceXML + `"><Rule><ObjectOwnership>` + ownership + `</ObjectOwnership></Rule></OwnershipControls>`)
}

func checkOwnership(_ *call, body []byte) (func(*bucket), error) {
	var in struct {
		XMLName xml.Name `xml:"OwnershipControls"`
		Rules   []string `xml:"Rule>ObjectOwnership"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if len(in.Rules) != 1 {
		return nil, malformedXML()
	}
	switch in.Rules[0] {
	case "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter":
		return nil, nil
	}
	return nil, malformedXML()
}

// maxBucketTags; see "Using cost allocation S3 bucket tags".
const maxBucketTags = 50

func checkTagging(_ *call, body []byte) (func(*bucket), error) {
	var in struct {
		XMLName xml.Name `xml:"Tagging"`
		Tags    []struct {
			Key   string
			Value string
		} `xml:"TagSet>Tag"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if len(in.Tags) > maxBucketTags {
		return nil, api.Errorf(http.StatusBadRequest, "InvalidTag", "Bucket tag count cannot be greater than %d", maxBucketTags)
	}
	seen := map[string]bool{}
	for _, t := range in.Tags {
		if t.Key == "" || strings.HasPrefix(strings.ToLower(t.Key), "aws:") && !strings.HasPrefix(t.Key, "aws:cloudformation:") {
			return nil, api.Errorf(http.StatusBadRequest, "InvalidTag", "The TagKey you have provided is invalid")
		}
		if seen[t.Key] {
			return nil, api.Errorf(http.StatusBadRequest, "InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
	}
	return nil, nil
}
