using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Result of SEV_PLATFORM_STATUS; packed.</summary>
[CName("struct sev_user_data_status")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 12)]
public struct SevUserDataStatus
{
    /// <summary>API major version.</summary>
    [FieldOffset(0)]
    public byte ApiMajor;

    /// <summary>API minor version.</summary>
    [FieldOffset(1)]
    public byte ApiMinor;

    /// <summary>Platform state: 0 uninitialised, 1 initialised, 2 working.</summary>
    [FieldOffset(2)]
    public byte State;

    /// <summary>Bit 0: owned externally; bit 8: <see cref="SevStatusFlags.ConfigEs"/>.</summary>
    [FieldOffset(3)]
    public uint Flags;

    /// <summary>Firmware build number.</summary>
    [FieldOffset(7)]
    public byte Build;

    /// <summary>Count of active guests.</summary>
    [FieldOffset(8)]
    public uint GuestCount;
}
