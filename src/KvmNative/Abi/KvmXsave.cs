using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Extended state in XSAVE format (KVM_GET_XSAVE, KVM_SET_XSAVE), the fixed 4096-byte part.</summary>
[CName("struct kvm_xsave")]
[StructLayout(LayoutKind.Explicit, Size = 4096)]
public struct KvmXsave
{
    /// <summary>The XSAVE area as the host lays it out, 4096 bytes.</summary>
    [FieldOffset(0)]
    public UInts1024 Region;
}
