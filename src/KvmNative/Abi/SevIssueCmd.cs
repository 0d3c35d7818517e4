using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Envelope of every SEV_ISSUE_CMD command of /dev/sev; packed.</summary>
[CName("struct sev_issue_cmd")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 16)]
public struct SevIssueCmd
{
    /// <summary>A <see cref="PlatformCommandId"/>.</summary>
    [FieldOffset(0)]
    public uint Cmd;

    /// <summary>Address of the command's own struct.</summary>
    [FieldOffset(4)]
    public ulong Data;

    /// <summary>Firmware status of the command, see <see cref="Errors.SevFirmwareStatus"/>.</summary>
    [FieldOffset(12)]
    public uint Error;
}
