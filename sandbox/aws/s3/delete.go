package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// deleted is what a deletion did.
type deleted struct {
	marker  bool   // it made or removed a delete marker
	version string // of the marker or of the version that was removed
}

// remove deletes a key or, with an id, one version of it, if that is not retained
// or the caller sets governance aside. What does not exist is deleted with success,
// as in S3. The caller holds the lock.
func (s *S3) remove(b *bucket, key, id, newVersion string, bypass bool) (deleted, error) {
	if id != "" {
		if err := s.deletable(b.version(key, id), bypass); err != nil {
			return deleted{}, err
		}
	}
	if b.live(key) != nil {
		b.deletions[key]++
	}
	switch {
	case id != "":
		o := b.drop(key, id)
		return deleted{marker: o != nil && o.deleteMarker, version: id}, nil
	case b.versioning == "":
		b.drop(key, nullVersion)
		return deleted{}, nil
	}
	m := &object{key: key, deleteMarker: true, modified: s.now()}
	b.add(m, newVersion)
	return deleted{marker: true, version: m.version}, nil
}

// deleteObject deletes an object, if the condition of the request holds for its current
// version: "How to perform conditional deletes". That a key whose current version is a delete
// marker counts as absent then is believed. Conditions for versions are not modelled.
func (c *call) deleteObject() error {
	action, id := "s3:DeleteObject", c.query.Get("versionId")
	if id != "" {
		action = "s3:DeleteObjectVersion"
	}
	if err := c.onObject(action); err != nil {
		return err
	}
	if c.Header.Get("If-Match") != "" && id != "" {
		return notImplemented("Header", "If-Match")
	}
	w, err := c.condition()
	if err != nil {
		return err
	}
	version, bypass := c.s.token(), c.bypass(c.key)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	if err := w.holds(b, c.key); err != nil {
		return err
	}
	d, err := c.s.remove(b, c.key, id, version, bypass)
	if err != nil {
		return err
	}
	if d.marker {
		c.w.Header().Set("x-amz-delete-marker", "true")
	}
	if d.version != "" {
		c.w.Header().Set("x-amz-version-id", d.version)
	}
	c.empty(http.StatusNoContent)
	return nil
}

type deletedXML struct {
	Key                   api.Text
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

type deleteErrorXML struct {
	Key       api.Text
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

func (c *call) deleteObjects() error {
	if err := c.exists(c.bucket); err != nil {
		return err
	}
	if err := c.needDigest(); err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	var in struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool
		Objects []struct {
			Key              string
			VersionID        string `xml:"VersionId"`
			ETag             *string
			LastModifiedTime *string
			Size             *string
		} `xml:"Object"`
	}
	if err := read(body, &in); err != nil {
		return err
	}
	if len(in.Objects) == 0 || len(in.Objects) > maxDeleteKeys {
		return malformedXML()
	}
	var out struct {
		XMLName xml.Name `xml:"DeleteResult"`
		XMLNS   string   `xml:"xmlns,attr"`
		Deleted []deletedXML
		Errors  []deleteErrorXML `xml:"Error"`
	}
	out.XMLNS = namespaceXML
	for _, o := range in.Objects {
		if o.ETag != nil || o.LastModifiedTime != nil || o.Size != nil {
			return notImplemented("Parameter", "a condition in Object")
		}
		d, err := c.deleteOne(o.Key, o.VersionID)
		if err != nil {
			e := api.AsError(err)
			out.Errors = append(out.Errors, deleteErrorXML{api.Text(o.Key), o.VersionID, e.Code, e.Message})
			continue
		}
		if in.Quiet {
			continue
		}
		x := deletedXML{Key: api.Text(o.Key), VersionID: o.VersionID, DeleteMarker: d.marker}
		if d.marker {
			x.DeleteMarkerVersionID = d.version
		}
		out.Deleted = append(out.Deleted, x)
	}
	return c.xml(out)
}

func (c *call) deleteOne(key, id string) (deleted, error) {
	action := "s3:DeleteObject"
	if id != "" {
		action = "s3:DeleteObjectVersion"
	}
	if err := c.allowed(action, objectARN(c.bucket, key), c.bucket); err != nil {
		return deleted{}, err
	}
	version, bypass := c.s.token(), c.bypass(key)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return deleted{}, err
	}
	return c.s.remove(b, key, id, version, bypass)
}
