namespace KvmSevVmm.KvmNative.Abi;

/// <summary>MSRs of the paravirtual interface.</summary>
[CConstants("MSR_KVM_")]
public static class KvmParavirtMsr
{
    /// <summary>Old number of <see cref="WallClockNew"/>.</summary>
    public const uint WallClock = 17;

    /// <summary>Old number of <see cref="SystemTimeNew"/>.</summary>
    public const uint SystemTime = 18;

    /// <summary>Address of the wall-clock structure.</summary>
    public const uint WallClockNew = 0x4B564D00;

    /// <summary>Address of the kvm-clock structure, bit 0 enables.</summary>
    public const uint SystemTimeNew = 0x4B564D01;

    /// <summary>Address of the asynchronous page-fault structure.</summary>
    public const uint AsyncPfEn = 0x4B564D02;

    /// <summary>Address of the steal-time structure, bit 0 enables.</summary>
    public const uint StealTime = 0x4B564D03;

    /// <summary>Address of the end-of-interrupt structure, bit 0 enables.</summary>
    public const uint PvEoiEn = 0x4B564D04;

    /// <summary>Bit 0: the host may poll on HLT.</summary>
    public const uint PollControl = 0x4B564D05;

    /// <summary>Vector of the page-ready interrupt.</summary>
    public const uint AsyncPfInt = 0x4B564D06;

    /// <summary>Acknowledges that interrupt.</summary>
    public const uint AsyncPfAck = 0x4B564D07;

    /// <summary>Bit 0: the guest reports its page states and may be migrated.</summary>
    public const uint MigrationControl = 0x4B564D08;

    /// <summary>Bit of <see cref="MigrationControl"/>: ready.</summary>
    [CName("KVM_MIGRATION_READY")]
    public const uint MigrationReady = 1;
}
