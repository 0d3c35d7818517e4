using System.Runtime.InteropServices;
using Iced.Intel;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.TestSupport;

/// <summary>A virtual machine with a little RAM at 0, one vCPU and a few instructions: enough to make the kernel exit as wanted.</summary>
public sealed class TinyGuest : IDisposable
{
    /// <summary>Where the code starts.</summary>
    public const ulong CodeAddress = 0x1000;

    /// <summary>The descriptor table: null, 32-bit code (0x08), data (0x10), 64-bit code (0x18).</summary>
    public const ulong GdtAddress = 0x7000;

    /// <summary>Free for the guest's data.</summary>
    public const ulong DataAddress = 0x8000;

    /// <summary>Where the stack starts, growing down to <see cref="DataAddress"/> at most.</summary>
    public const ulong StackTop = 0x1_0000;

    /// <summary>The selector of the 32-bit code segment.</summary>
    public const ushort Code32Selector = 0x08;

    /// <summary>The selector of the data segment.</summary>
    public const ushort DataSelector = 0x10;

    /// <summary>The selector of the 64-bit code segment.</summary>
    public const ushort Code64Selector = 0x18;

    private const ulong PageTableAddress = 0x1_0000;
    private const ulong CodeLimit = GdtAddress - CodeAddress;
    private const ulong PageSize = 4096;
    private const ulong SmallestRam = PageTableAddress + (6 * PageSize);

    private TinyGuest(KvmDevice kvm, KvmVm vm, MappedRegion memory, KvmVcpu vcpu)
    {
        Kvm = kvm;
        Vm = vm;
        Memory = memory;
        Vcpu = vcpu;
    }

    /// <summary>The KVM device.</summary>
    public KvmDevice Kvm { get; }

    /// <summary>The machine.</summary>
    public KvmVm Vm { get; }

    /// <summary>Guest RAM; offset 0 is guest physical address 0.</summary>
    public MappedRegion Memory { get; }

    /// <summary>The vCPU, ready to run the code.</summary>
    public KvmVcpu Vcpu { get; }

    /// <summary>Builds a guest that is ready to run.</summary>
    /// <param name="mode">The mode it starts in.</param>
    /// <param name="code">Writes the code, which starts at <see cref="CodeAddress"/>.</param>
    /// <param name="ramBytes">RAM from 0 on.</param>
    /// <param name="memoryFlags">Flags of the memory slot (number 0).</param>
    /// <param name="configureVm">Called before the vCPU is created: interrupt controllers, capabilities, more memory.</param>
    public static TinyGuest Create(
        GuestMode mode, Action<Assembler> code, ulong ramBytes = 256 << 10, uint memoryFlags = 0, Action<KvmVm>? configureVm = null)
    {
        return Create(mode, Assemble(mode, CodeAddress, code), ramBytes, memoryFlags, configureVm);
    }

    /// <summary>Builds a guest from machine code.</summary>
    /// <param name="mode">The mode it starts in.</param>
    /// <param name="code">The code, put at <see cref="CodeAddress"/>.</param>
    /// <param name="ramBytes">RAM from 0 on.</param>
    /// <param name="memoryFlags">Flags of the memory slot (number 0).</param>
    /// <param name="configureVm">Called before the vCPU is created.</param>
    public static TinyGuest Create(
        GuestMode mode, ReadOnlySpan<byte> code, ulong ramBytes = 256 << 10, uint memoryFlags = 0, Action<KvmVm>? configureVm = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ramBytes, SmallestRam);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)code.Length, CodeLimit);
        KvmDevice kvm = KvmDevice.Open();
        KvmVm vm = kvm.CreateVm();
        MappedRegion memory = MappedRegion.MapAnonymous(ramBytes);
        code.CopyTo(memory.GetSpan(CodeAddress, code.Length));
        vm.SetUserMemoryRegion(0, memoryFlags, 0, ramBytes, memory.Address);
        configureVm?.Invoke(vm);
        KvmVcpu vcpu = vm.CreateVcpu(0);
        TinyGuest guest = new(kvm, vm, memory, vcpu);
        vcpu.SetCpuid2(kvm.GetSupportedCpuid());
        guest.Reset(mode);
        return guest;
    }

    /// <summary>Writes more code into the guest's RAM: an interrupt handler, for example.</summary>
    /// <param name="mode">The mode it will run in.</param>
    /// <param name="address">Where it goes.</param>
    /// <param name="code">Writes the code.</param>
    public void WriteCode(GuestMode mode, ulong address, Action<Assembler> code)
    {
        byte[] bytes = Assemble(mode, address, code);
        bytes.CopyTo(Memory.GetSpan(address, bytes.Length));
    }

    /// <summary>Puts the vCPU at the start of the code again, in the given mode. The content of RAM stays.</summary>
    /// <param name="mode">The mode it starts in.</param>
    public void Reset(GuestMode mode)
    {
        KvmSregs sregs = Vcpu.GetSregs();
        if (mode == GuestMode.Real16)
        {
            SetRealMode(ref sregs);
        }
        else
        {
            WriteDescriptors(ref sregs);
            SetSegments(ref sregs, isLong: mode == GuestMode.Long64);
            sregs.Cr0 = 0x11;
            if (mode == GuestMode.Long64)
            {
                WritePageTables();
                sregs.Cr3 = PageTableAddress;
                sregs.Cr4 = 0x20;
                sregs.Cr0 = 0x8000_0011;
                sregs.Efer = 0x500;
            }
        }

        Vcpu.SetSregs(in sregs);
        KvmRegs regs = new() { Rip = CodeAddress, Rsp = mode == GuestMode.Real16 ? StackTop - 2 : StackTop, Rflags = 2 };
        Vcpu.SetRegs(in regs);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Vcpu.Dispose();
        Vm.Dispose();
        Kvm.Dispose();
        Memory.Dispose();
    }

    private static byte[] Assemble(GuestMode mode, ulong address, Action<Assembler> code)
    {
        Assembler assembler = new((int)mode);
        code(assembler);
        using MemoryStream bytes = new();
        _ = assembler.Assemble(new StreamCodeWriter(bytes), address);
        return bytes.ToArray();
    }

    private static void SetRealMode(ref KvmSregs sregs)
    {
        sregs.Cs.Base = 0;
        sregs.Cs.Selector = 0;
        foreach (ref KvmSegment segment in Segments(ref sregs))
        {
            segment.Base = 0;
            segment.Selector = 0;
        }
    }

    private static void SetSegments(ref KvmSregs sregs, bool isLong)
    {
        KvmSegment code = new()
        {
            Limit = uint.MaxValue,
            Selector = isLong ? Code64Selector : Code32Selector,
            Type = 11,
            Present = 1,
            S = 1,
            Db = isLong ? (byte)0 : (byte)1,
            L = isLong ? (byte)1 : (byte)0,
            G = 1,
        };
        KvmSegment data = new() { Limit = uint.MaxValue, Selector = DataSelector, Type = 3, Present = 1, S = 1, Db = 1, G = 1 };
        sregs.Cs = code;
        foreach (ref KvmSegment segment in Segments(ref sregs))
        {
            segment = data;
        }
    }

    // DS, ES, FS, GS and SS follow one another in the kernel's structure.
    private static Span<KvmSegment> Segments(ref KvmSregs sregs) => MemoryMarshal.CreateSpan(ref sregs.Ds, 5);

    private void WriteDescriptors(ref KvmSregs sregs)
    {
        ReadOnlySpan<ulong> descriptors = [0, 0x00CF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00AF_9B00_0000_FFFF];
        MemoryMarshal.AsBytes(descriptors).CopyTo(Memory.GetSpan(GdtAddress, descriptors.Length * sizeof(ulong)));
        sregs.Gdt.Base = GdtAddress;
        sregs.Gdt.Limit = (ushort)((descriptors.Length * sizeof(ulong)) - 1);
    }

    private void WritePageTables()
    {
        const ulong PresentAndWritable = 3;
        const ulong HugePage = 0x80;
        const ulong DirectoryPointers = PageTableAddress + PageSize;
        Memory.GetReference<ulong>(PageTableAddress) = DirectoryPointers | PresentAndWritable;
        for (ulong gib = 0; gib < 4; gib++)
        {
            ulong directory = DirectoryPointers + ((gib + 1) * PageSize);
            Memory.GetReference<ulong>(DirectoryPointers + (gib * sizeof(ulong))) = directory | PresentAndWritable;
            for (ulong entry = 0; entry < 512; entry++)
            {
                Memory.GetReference<ulong>(directory + (entry * sizeof(ulong))) =
                    (((gib * 512) + entry) << 21) | HugePage | PresentAndWritable;
            }
        }
    }
}
