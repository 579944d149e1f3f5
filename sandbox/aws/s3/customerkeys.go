package s3

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// The headers of encryption with customers' keys, of which S3 keeps no key; see
// "Using server-side encryption with customer-provided keys (SSE-C)".
const (
	customerAlgorithm = encryptionHeader + "-customer-algorithm"
	customerKey       = encryptionHeader + "-customer-key"
	customerKeyMD5    = encryptionHeader + "-customer-key-MD5"
	customerKeyBytes  = 32
)

// customerKey reads the key for a new object in a bucket of some encryption, and
// returns its MD5; empty is none.
func (c *call) customerKey(of encryption) (sum string, err error) {
	if c.Header.Get(customerAlgorithm) == "" && c.Header.Get(customerKey) == "" && c.Header.Get(customerKeyMD5) == "" {
		return "", nil
	}
	if !of.customers {
		return "", api.Errorf(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: s3:PutObject on resource: %q "+
			"because this bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). "+
			"Please specify a different server-side encryption type", c.Caller.ARN, objectARN(c.bucket, c.key))
	}
	key, sum, err := c.sentKey()
	if err == nil && len(key) != customerKeyBytes {
		err = invalidArgument(encryptionHeader, "null", "The secret key was invalid for the specified algorithm.")
	}
	return sum, err
}

// sentKey reads the request's key of the customer's and its MD5; both are empty where
// it has none.
func (c *call) sentKey() (key []byte, sum string, err error) {
	algorithm, text, given := c.Header.Get(customerAlgorithm), c.Header.Get(customerKey), c.Header.Get(customerKeyMD5)
	const requests = "Requests specifying Server Side Encryption with Customer provided keys must provide "
	switch other := c.Header.Get(encryptionHeader); {
	case algorithm == "" && text == "" && given == "":
		return nil, "", nil
	case other != "":
		return nil, "", invalidArgument(encryptionHeader, other,
			"Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	case algorithm == "":
		return nil, "", invalidArgument(encryptionHeader, "null", requests+"a valid encryption algorithm.")
	case algorithm != defaultEncrypt:
		e := api.Errorf(http.StatusBadRequest, "InvalidEncryptionAlgorithmError",
			"The Encryption request you specified is not valid. Supported value: AES256.")
		e.Members = map[string]string{"ArgumentName": encryptionHeader, "ArgumentValue": algorithm}
		return nil, "", e
	case text == "":
		return nil, "", invalidArgument(encryptionHeader, "null", requests+"an appropriate secret key.")
	}
	key, err = base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, "", invalidArgument(encryptionHeader, "null", "The secret key was invalid for the specified algorithm.")
	}
	digest := md5.Sum(key)
	if sum = base64.StdEncoding.EncodeToString(digest[:]); given != "" && given != sum {
		return nil, "", invalidArgument(encryptionHeader, "null", "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	return key, sum, nil
}

// unlock checks that the request has the key of an object, by the object's labels.
func (c *call) unlock(labels map[string]string) error {
	_, sum, err := c.sentKey()
	switch want := labels[customerKeyMD5]; {
	case err != nil:
		return err
	case sum == want:
		return nil
	case want == "":
		return invalidRequest("The encryption parameters are not applicable to this object.")
	case sum == "":
		return invalidRequest("The object was stored using a form of Server Side Encryption. " +
			"The correct parameters must be provided to retrieve the object.")
	}
	return api.Errorf(http.StatusForbidden, "AccessDenied",
		"Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.")
}

// unlockUpload checks that the request has the key of an upload, by its labels.
func (c *call) unlockUpload(labels map[string]string) error {
	_, sum, err := c.sentKey()
	switch want := labels[customerKeyMD5]; {
	case err != nil:
		return err
	case sum == want:
		return nil
	case sum == "" || want == "":
		return invalidRequest("The multipart upload initiate requested encryption. " +
			"Subsequent part requests must include the appropriate encryption parameters.")
	}
	return invalidRequest("The provided encryption parameters did not match the ones used originally.")
}
