package storage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

// TestVersioning overwrites and deletes where earlier versions stay.
func TestVersioning(t *testing.T) {
	t.Parallel()
	s := withTopic(t)
	s.Must(t, "POST", configurations, map[string]any{"topic": topic, "payload_format": "NONE"})
	generation := func(content string) string { return mustUpload(t, s, "a", content)["generation"].(string) }
	zero := generation("zero")
	bucket := s.Must(t, "PATCH", "/storage/v1/b/"+bucket, map[string]any{"versioning": map[string]any{"enabled": true}})
	if diff := cmp.Diff(map[string]any{"enabled": true}, bucket["versioning"]); diff != "" {
		t.Errorf("the bucket's versioning (-want +got):\n%s", diff)
	}
	one := generation("one")
	mustUpload(t, s, "b", "other")
	content := func(generation string) string {
		query := ""
		if generation != "" {
			query = "&generation=" + generation
		}
		a := s.Admin(t, "GET", objectPath("a")+"?alt=media"+query, nil)
		if a.Status != 200 {
			return fmt.Sprint(a.Status)
		}
		return a.Body
	}
	// listed are the versions of the list, pages of two.
	listed := func(query string) string {
		var out []string
		for token := ""; ; {
			page := s.Must(t, "GET", "/storage/v1/b/my-bucket/o?maxResults=2"+query+"&pageToken="+token, nil)
			items, _ := page["items"].([]any)
			for _, item := range items {
				o := item.(map[string]any)
				text := o["name"].(string) + "/" + o["generation"].(string)
				if o["timeDeleted"] != nil {
					text += " noncurrent"
				}
				if o["name"] == "a" {
					out = append(out, text)
				}
			}
			if page["nextPageToken"] == nil {
				return strings.Join(out, ", ")
			}
			token = page["nextPageToken"].(string)
		}
	}
	if got := []string{content(""), content(zero), content(one), listed(""), listed("&versions=true")}; !cmp.Equal(got, []string{"one", "zero", "one", "a/" + one, "a/" + zero + " noncurrent, a/" + one}) {
		t.Errorf("after an overwriting upload there is %q", got)
	}
	s.Must(t, "DELETE", objectPath("a"), nil)
	if got := []string{content(""), content(one), listed(""), listed("&versions=true")}; !cmp.Equal(got, []string{"404", "one", "", "a/" + zero + " noncurrent, a/" + one + " noncurrent"}) {
		t.Errorf("after a deletion there is %q", got)
	}
	two := generation("two")
	s.Must(t, "DELETE", objectPath("a")+"?generation="+one, nil)
	s.Must(t, "DELETE", objectPath("a")+"?generation="+two, nil)
	if got := []string{content(""), content(one), content(two), listed("&versions=true")}; !cmp.Equal(got, []string{"404", "404", "404", "a/" + zero + " noncurrent"}) {
		t.Errorf("after deletions of generations there is %q", got)
	}
	s.Must(t, "PATCH", objectPath("a")+"?generation="+zero, map[string]any{"metadata": map[string]string{"x": "y"}})
	s.Must(t, "PATCH", "/storage/v1/b/my-bucket", map[string]any{"versioning": map[string]any{"enabled": false}})
	three := generation("three")
	four := generation("four")
	if got := listed("&versions=true"); got != "a/"+zero+" noncurrent, a/"+four {
		t.Errorf("without versioning there is %s", got)
	}
	s.Must(t, "DELETE", objectPath("b"), nil)
	s.Must(t, "DELETE", objectPath("a"), nil)
	if got := s.Admin(t, "DELETE", "/storage/v1/b/my-bucket", nil).Error(t); got != "409 conflict: The bucket you tried to delete is not empty." {
		t.Errorf("a bucket with a noncurrent version is deleted: %s", got)
	}
	s.Must(t, "DELETE", objectPath("a")+"?generation="+zero, nil)
	s.Must(t, "DELETE", "/storage/v1/b/my-bucket", nil)

	var events []string
	for _, m := range s.PubSub().Messages(googletest.Subscriptions + "/drain") {
		if m.Attributes["objectId"] != "a" {
			continue
		}
		text := strings.TrimPrefix(m.Attributes["eventType"], "OBJECT_") + " " + m.Attributes["objectGeneration"]
		for _, key := range []string{"overwroteGeneration", "overwrittenByGeneration"} {
			if v := m.Attributes[key]; v != "" {
				text += " " + key + " " + v
			}
		}
		events = append(events, text)
	}
	want := []string{
		"FINALIZE " + zero,
		"FINALIZE " + one + " overwroteGeneration " + zero, "ARCHIVE " + zero + " overwrittenByGeneration " + one,
		"ARCHIVE " + one,
		"FINALIZE " + two,
		"DELETE " + one,
		"DELETE " + two,
		"METADATA_UPDATE " + zero,
		"FINALIZE " + three,
		"FINALIZE " + four + " overwroteGeneration " + three, "DELETE " + three + " overwrittenByGeneration " + four,
		"DELETE " + four,
		"DELETE " + zero,
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("the events (-want +got):\n%s", diff)
	}
}
