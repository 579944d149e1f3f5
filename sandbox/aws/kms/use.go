package kms

import (
	"net/http"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Use decides whether the caller of a service may have it do action (Decrypt,
// GenerateDataKey) with a key, and returns the key's ARN. The context is that of
// the encryption, which the service makes. Errors are those that S3 answers for
// KMS's: their codes begin with KMS (Amazon S3 API Reference, "Error responses").
func (s *KMS) Use(r *api.Request, action, ref, service string, context map[string]string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if strings.HasPrefix(ref, "arn:") && !strings.HasPrefix(ref, "arn:aws:kms:"+s.Region+":") {
		region := ""
		if parts := strings.Split(ref, ":"); len(parts) > 3 {
			region = parts[3]
		}
		return "", api.Errorf(http.StatusBadRequest, "KMS.NotFoundException", "Invalid arn %s", region)
	}
	k, err := s.find(ref)
	if err != nil {
		e := api.AsError(err)
		if e.Code == "NotFoundException" {
			e.Code = "KMS." + e.Code
		}
		return "", e
	}
	arn := s.arn(k.id)
	keys := map[string][]string{"kms:ViaService": {service + "." + s.Region + ".amazonaws.com"}, "kms:CallerAccount": {s.Account}, "aws:ViaAWSService": {"true"}}
	for name, value := range context {
		keys["kms:EncryptionContext:"+name] = []string{value}
		keys["kms:EncryptionContextKeys"] = append(keys["kms:EncryptionContextKeys"], name)
	}
	if err := s.evaluate(r, "kms:"+action, k, keys); err != nil {
		return "", err
	}
	switch k.state() {
	case "Disabled":
		return "", api.Errorf(http.StatusBadRequest, "KMS.DisabledException", "%s is disabled.", arn)
	case "PendingDeletion":
		return "", api.Errorf(http.StatusBadRequest, "KMS.KMSInvalidStateException", "%s is pending deletion.", arn)
	}
	return arn, nil
}
