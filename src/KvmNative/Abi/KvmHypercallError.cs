namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Error of a paravirtual hypercall; RAX holds it negated.</summary>
[CConstants("KVM_")]
public enum KvmHypercallError : long
{
    /// <summary>Success.</summary>
    None = 0,

    /// <summary>The caller may not do this.</summary>
    Eperm = 1,

    /// <summary>Argument list too long; unused.</summary>
    E2big = 7,

    /// <summary>Bad address.</summary>
    Efault = 14,

    /// <summary>Invalid argument.</summary>
    Einval = 22,

    /// <summary>Not supported.</summary>
    Eopnotsupp = 95,

    /// <summary>Unknown or disabled hypercall.</summary>
    Enosys = 1000,
}
