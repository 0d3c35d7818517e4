using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Envelope of every KVM_MEMORY_ENCRYPT_OP command.</summary>
[CName("struct kvm_sev_cmd")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmSevCmd
{
    /// <summary>A <see cref="SevCommandId"/>.</summary>
    [FieldOffset(0)]
    public uint Id;

    /// <summary>Address of the command's own struct; zero when it has none.</summary>
    [FieldOffset(8)]
    public ulong Data;

    /// <summary>Firmware status of the command, see <see cref="Errors.SevFirmwareStatus"/>.</summary>
    [FieldOffset(16)]
    public uint Error;

    /// <summary>File descriptor of /dev/sev; zero is a valid one.</summary>
    [FieldOffset(20)]
    public uint SevFd;
}
