package cloudformation

import (
	"slices"
)

// runCreate creates all of a new stack.
func (o *operation) runCreate(onFailure string) {
	err := o.apply()
	if err == nil {
		o.locked(o.st.remember)
		o.stackStatus("CREATE_COMPLETE", "")
		return
	}
	switch {
	case onFailure == "DO_NOTHING" || o.st.disableRollback:
		o.stackStatus("CREATE_FAILED", o.reason("create", err))
	case onFailure == "DELETE":
		o.stackStatus("DELETE_IN_PROGRESS", o.reason("create", err)+"Delete requested by user.")
		o.runDelete(nil, true)
	default:
		o.stackStatus("ROLLBACK_IN_PROGRESS", o.reason("create", err)+"Rollback requested by user.")
		o.rollbackCreate()
	}
}

// rollbackCreate deletes what a failed create has made. The stack stays, empty.
func (o *operation) rollbackCreate() {
	o.failed = nil
	o.deleteAll(nil, true)
	if len(o.failed) > 0 {
		o.stackStatus("ROLLBACK_FAILED", o.reason("delete", nil))
		return
	}
	o.stackStatus("ROLLBACK_COMPLETE", "")
}

// runUpdate brings a stack to its new source.
func (o *operation) runUpdate() {
	err := o.apply()
	if err != nil {
		verb := "update"
		if i := slices.IndexFunc(o.failed, func(id string) bool { return o.st.resources[id].status == "CREATE_FAILED" }); i >= 0 {
			verb = "create"
		}
		if o.st.disableRollback {
			o.stackStatus("UPDATE_FAILED", o.reason(verb, err))
			return
		}
		o.stackStatus("UPDATE_ROLLBACK_IN_PROGRESS", o.reason(verb, err))
		o.rollbackUpdate(nil)
		return
	}
	o.stackStatus("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
	o.cleanUp()
	o.locked(o.st.remember)
	o.stackStatus("UPDATE_COMPLETE", "")
}

// cleanUp deletes what replacements left and what the template no longer has.
// What cannot be deleted is left alone, as CloudFormation does.
func (o *operation) cleanUp() {
	kept := map[string]bool{}
	for _, id := range o.eval.ActiveResources() {
		kept[id] = true
	}
	doomed := slices.Clone(o.st.leftovers)
	slices.Reverse(doomed)
	for _, r := range doomed {
		if r.updateReplacePolicy == "Retain" {
			o.record(r, "DELETE_SKIPPED", "")
			continue
		}
		o.remove(r)
	}
	for _, r := range slices.Backward(inOrder(o.st.resources)) {
		if kept[r.logicalID] {
			continue
		}
		if o.keeps(r, false) {
			o.record(r, "DELETE_SKIPPED", "")
		} else {
			o.remove(r)
		}
		o.locked(func() { delete(o.st.resources, r.logicalID) })
	}
	o.locked(func() { o.st.leftovers = nil })
}

// remove deletes one resource.
func (o *operation) remove(r *stackResource) bool {
	if r.physicalID == "" {
		return true
	}
	o.record(r, "DELETE_IN_PROGRESS", "")
	if err := o.s.types[r.typeName].Delete(o.ctx, o.call(r), r.properties); err != nil {
		o.failed = append(o.failed, r.logicalID)
		o.record(r, "DELETE_FAILED", err.Error())
		return false
	}
	o.record(r, "DELETE_COMPLETE", "")
	return true
}

// rollbackUpdate brings the stack back to its last stable state. skip names
// resources that are taken to be in that state already.
func (o *operation) rollbackUpdate(skip []string) {
	o.failed = nil
	var doomed []*stackResource
	for _, old := range inOrder(o.st.stable.resources) {
		current := o.st.resources[old.logicalID]
		switch {
		case current == nil || slices.Contains(skip, old.logicalID):
			o.locked(func() { o.st.resources[old.logicalID] = old.clone() })
		case current.physicalID != old.physicalID:
			doomed = append(doomed, current)
			restored := old.clone()
			o.locked(func() { o.st.resources[old.logicalID] = restored })
			o.record(restored, "UPDATE_IN_PROGRESS", "")
			o.record(restored, "UPDATE_COMPLETE", "")
		case current.status == "UPDATE_FAILED" || len(differing(current.properties, old.properties)) > 0:
			if o.update(o.s.types[old.typeName], current, old) != nil {
				continue
			}
		}
	}
	if len(o.failed) > 0 {
		o.stackStatus("UPDATE_ROLLBACK_FAILED", o.reason("update", nil))
		return
	}
	o.stackStatus("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")
	for _, r := range slices.Backward(inOrder(o.st.resources)) {
		if o.st.stable.resources[r.logicalID] == nil {
			doomed = append(doomed, r)
		}
	}
	for _, r := range doomed {
		if o.keeps(r, true) {
			o.record(r, "DELETE_SKIPPED", "")
		} else {
			o.remove(r)
		}
	}
	o.locked(func() {
		for id := range o.st.resources {
			if o.st.stable.resources[id] == nil {
				delete(o.st.resources, id)
			}
		}
		o.st.leftovers = nil
		o.st.source, o.st.outputs, o.st.imports = o.st.stable.source, o.st.stable.outputs, o.st.stable.imports
	})
	o.stackStatus("UPDATE_ROLLBACK_COMPLETE", "")
}

// runDelete deletes a stack. retain names resources to leave; rollback says that
// resources which are only kept once they were created go as well.
func (o *operation) runDelete(retain []string, rollback bool) {
	o.failed = nil
	o.deleteAll(retain, rollback)
	if len(o.failed) > 0 {
		o.stackStatus("DELETE_FAILED", o.reason("delete", nil))
		return
	}
	o.locked(func() { o.st.outputs, o.st.imports = nil, nil })
	o.stackStatus("DELETE_COMPLETE", "")
}

// deleteAll deletes the stack's resources in reverse order. What a resource
// needs stays while the resource does.
func (o *operation) deleteAll(retain []string, rollback bool) {
	needed := map[string]bool{}
	for _, r := range slices.Backward(append(slices.Clone(o.st.leftovers), inOrder(o.st.resources)...)) {
		keep := o.keeps(r, rollback) || slices.Contains(retain, r.logicalID)
		switch {
		case needed[r.logicalID]:
		case r.status == "DELETE_COMPLETE" || r.status == "DELETE_SKIPPED":
			continue
		case keep && r.physicalID != "":
			o.record(r, "DELETE_SKIPPED", "")
			continue
		case o.remove(r):
			continue
		}
		for _, other := range r.needs {
			needed[other] = true
		}
	}
	o.locked(func() {
		o.st.leftovers = nil
		for id, r := range o.st.resources {
			if r.physicalID == "" {
				delete(o.st.resources, id)
			}
		}
	})
}

// keeps reports whether the resource's DeletionPolicy leaves it where it is.
// rollback is the deletion of what the operation itself has created.
func (o *operation) keeps(r *stackResource, rollback bool) bool {
	if rollback && r.imported {
		return true // it was there before
	}
	switch r.deletionPolicy {
	case "Retain":
		return !rollback || !o.st.retainExceptOnCreate
	case "RetainExceptOnCreate":
		return !rollback
	}
	return false
}
