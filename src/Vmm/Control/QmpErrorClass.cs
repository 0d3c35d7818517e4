namespace KvmSevVmm.Vmm.Control;

/// <summary>The classes of errors that QMP has and this monitor uses.</summary>
/// <remarks>Source: QEMU, qapi/error.json.</remarks>
public enum QmpErrorClass
{
    /// <summary>Any failure that has no class of its own.</summary>
    GenericError = 0,

    /// <summary>There is no such command, or not yet.</summary>
    CommandNotFound,
}
