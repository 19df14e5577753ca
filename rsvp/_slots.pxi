"""Slots of frozen dataclasses, reached at their offsets in memory instead of by their names (no RFC)."""

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF

from types import MemberDescriptorType

cdef extern from *:
    """
    #include "structmember.h"
    static inline PyObject *rsvp_fresh(PyTypeObject *type) { return type->tp_alloc(type, 0); }
    /* What is frozen refers to nothing that refers to it: the collector of cycles need not walk it. */
    static inline PyObject *rsvp_value(PyTypeObject *type) {
        PyObject *value = type->tp_alloc(type, 0);
        if (value != NULL && PyType_IS_GC(type)) PyObject_GC_UnTrack(value);
        return value;
    }
    static inline Py_ssize_t rsvp_slot(PyObject *member) {
        return ((PyMemberDescrObject *)member)->d_member->offset;
    }
    static inline int rsvp_is(PyObject *o, PyTypeObject *type) { return PyObject_TypeCheck(o, type); }
    """
    object rsvp_fresh(PyTypeObject *type)
    object rsvp_value(PyTypeObject *type)
    Py_ssize_t rsvp_slot(object member)
    bint rsvp_is(object o, PyTypeObject *type)


cdef Py_ssize_t slot_of(cls, str name) except -1:
    member = getattr(cls, name)
    if type(member) is not MemberDescriptorType:
        raise TypeError(f"{cls.__name__}.{name} is no slot")
    return rsvp_slot(member)


cdef inline PyObject **slot(object o, Py_ssize_t at) noexcept:
    return <PyObject **> (<char *> <PyObject *> o + at)


cdef inline object get(object o, Py_ssize_t at):
    cdef PyObject *value = slot(o, at)[0]
    if value is NULL:
        raise TypeError(f"a field of this {type(o).__name__} was never set")
    return <object> value


cdef inline void put(object o, Py_ssize_t at, object value) noexcept:
    """Fill an empty slot of a fresh object."""
    Py_INCREF(value)
    slot(o, at)[0] = <PyObject *> value
