package taskhistory

import (
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// matches tells whether a task passes all parts of a TaskFilterSpec. A part that is not set lets everything through.
func matches(spec types.TaskFilterSpec, r *record) bool {
	info := &r.info
	return !r.gone &&
		ofEntity(spec.Entity, r) &&
		inTime(spec.Time, info) &&
		ofUser(spec.UserName, info.Reason) &&
		among(spec.ActivationId, info.ActivationId) &&
		among(spec.State, info.State) &&
		among(spec.EventChainId, info.EventChainId) &&
		among(spec.Tag, info.ChangeTag) && // "if it includes an empty string, tasks without a tag will be returned"
		among(spec.ParentTaskKey, info.ParentTaskKey) &&
		among(spec.RootTaskKey, info.RootTaskKey) &&
		ofAlarm(spec.Alarm, info.Reason) &&
		ofSchedule(spec.ScheduledTask, info.Reason)
}

func among[T comparable](wanted []T, is T) bool {
	return len(wanted) == 0 || slices.Contains(wanted, is)
}

// ofEntity reads TaskFilterSpecRecursionOption: self is the entity alone, children what is in it, all is both.
func ofEntity(spec *types.TaskFilterSpecByEntity, r *record) bool {
	if spec == nil {
		return true
	}
	self := r.info.Entity != nil && *r.info.Entity == spec.Entity
	below := slices.Contains(r.above, spec.Entity)
	switch spec.Recursion {
	case types.TaskFilterSpecRecursionOptionSelf:
		return self
	case types.TaskFilterSpecRecursionOptionChildren:
		return below
	}
	return self || below
}

// inTime compares the time that spec.TimeType names. A task that has not started has no such time.
func inTime(spec *types.TaskFilterSpecByTime, info *types.TaskInfo) bool {
	if spec == nil {
		return true
	}
	at := &info.QueueTime
	switch spec.TimeType {
	case types.TaskFilterSpecTimeOptionStartedTime:
		at = info.StartTime
	case types.TaskFilterSpecTimeOptionCompletedTime:
		at = info.CompleteTime
	}
	if at == nil {
		return false
	}
	early := func(begin *time.Time) bool { return begin != nil && at.Before(*begin) }
	late := func(end *time.Time) bool { return end != nil && at.After(*end) }
	return !early(spec.BeginTime) && !late(spec.EndTime)
}

// ofUser reads TaskFilterSpecByUsername: users by name, all of them if none is named, and the system on request.
func ofUser(spec *types.TaskFilterSpecByUsername, reason types.BaseTaskReason) bool {
	if spec == nil {
		return true
	}
	switch by := reason.(type) {
	case *types.TaskReasonUser:
		return among(spec.UserList, by.UserName)
	case *types.TaskReasonSystem:
		return spec.SystemUser
	}
	return false
}

func ofAlarm(alarm *types.ManagedObjectReference, reason types.BaseTaskReason) bool {
	if alarm == nil {
		return true
	}
	by, ok := reason.(*types.TaskReasonAlarm)
	return ok && by.Alarm == *alarm
}

func ofSchedule(schedule *types.ManagedObjectReference, reason types.BaseTaskReason) bool {
	if schedule == nil {
		return true
	}
	by, ok := reason.(*types.TaskReasonSchedule)
	return ok && by.ScheduledTask == *schedule
}
