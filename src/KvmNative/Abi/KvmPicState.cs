using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>State of one 8259A.</summary>
[CName("struct kvm_pic_state")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmPicState
{
    /// <summary>Edge detection.</summary>
    [FieldOffset(0)]
    public byte LastIrr;

    /// <summary>Interrupt request register.</summary>
    [FieldOffset(1)]
    public byte Irr;

    /// <summary>Interrupt mask register.</summary>
    [FieldOffset(2)]
    public byte Imr;

    /// <summary>Interrupt service register.</summary>
    [FieldOffset(3)]
    public byte Isr;

    /// <summary>Highest priority line.</summary>
    [FieldOffset(4)]
    public byte PriorityAdd;

    /// <summary>Vector base.</summary>
    [FieldOffset(5)]
    public byte IrqBase;

    /// <summary>Register that a read returns.</summary>
    [FieldOffset(6)]
    public byte ReadRegSelect;

    /// <summary>Poll mode.</summary>
    [FieldOffset(7)]
    public byte Poll;

    /// <summary>Special mask mode.</summary>
    [FieldOffset(8)]
    public byte SpecialMask;

    /// <summary>Step of the initialisation sequence.</summary>
    [FieldOffset(9)]
    public byte InitState;

    /// <summary>Automatic end of interrupt.</summary>
    [FieldOffset(10)]
    public byte AutoEoi;

    /// <summary>Rotate on automatic end of interrupt.</summary>
    [FieldOffset(11)]
    public byte RotateOnAutoEoi;

    /// <summary>Special fully nested mode.</summary>
    [FieldOffset(12)]
    public byte SpecialFullyNestedMode;

    /// <summary>Four-byte initialisation.</summary>
    [FieldOffset(13)]
    public byte Init4;

    /// <summary>Edge or level per line.</summary>
    [FieldOffset(14)]
    public byte Elcr;

    /// <summary>Lines whose trigger mode may be changed.</summary>
    [FieldOffset(15)]
    public byte ElcrMask;
}
