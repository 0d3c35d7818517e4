using Iced.Intel;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>Tiny kernels that are really started by what the loader made: registers, GDT, page tables, zero page, memslots.</summary>
public sealed class BootOnKvmTests
{
    private const ushort Port = 0x1234;
    private const ulong MemoryBytes = 8 << 20;
    private const uint WrittenAddress = 0x30_0000;
    private const uint DeviceAddress = (uint)GuestLayout.MmioHoleStart;

    [KvmTheory]
    [InlineData(SevMode.None)]
    [InlineData(SevMode.Simulated)]
    public void BzImage_FindsItsDataThroughTheBootPageTables(SevMode mode)
    {
        byte[] kernel = new BzImageBuilder().Build(file => Assemble(64, 0x10_0200, Find64BitBootData).CopyTo(file, 1024 + 0x200));
        using Machine machine = new(mode, kernel, initrd: [0x11, 0x22, 0x33, 0x44], commandLine: "abcd");
        machine.Slots.SetDirtyLogging(true);

        machine.Run();

        Assert.Equal([0xAA55u, 0x6463_6261u, 0x4433_2211u, 0xC0FF_EE00u], machine.Output);
        Assert.Equal([DeviceAddress], machine.DeviceReads);
        Assert.Equal(0xC0FF_EE00u, machine.Memory.Read<uint>(new Gpa(WrittenAddress)));

        // The write is in the log, whichever slot it went through.
        ulong[] dirty = new ulong[machine.Slots.GetDirtyBitmapLength(0)];
        machine.Slots.FetchDirtyLog(0, dirty);
        const int Page = (int)(WrittenAddress >> GuestPage.Shift);
        Assert.Equal(1UL, dirty[Page / 64] >> (Page % 64) & 1);
        machine.Slots.FetchDirtyLog(0, dirty);
        Assert.Equal(0UL, dirty[Page / 64] >> (Page % 64) & 1);
    }

    [KvmFact]
    public void Simulated_PrivateAccesses_GoThroughTheAlias()
    {
        byte[] kernel = new BzImageBuilder().Build(file => Assemble(64, 0x10_0200, Find64BitBootData).CopyTo(file, 1024 + 0x200));
        using Machine machine = new(SevMode.Simulated, kernel, initrd: [0x11, 0x22, 0x33, 0x44], commandLine: "abcd");
        machine.Slots.SetDirtyLogging(true);

        machine.Run();

        ulong[] shared = new ulong[machine.Slots.GetDirtyBitmapLength(0)];
        ulong[] alias = new ulong[shared.Length];
        machine.Vm.GetDirtyLog(machine.Slots.Slots[0].Number, shared);
        machine.Vm.GetDirtyLog(machine.Slots.Slots[1].Number, alias);
        const int Page = (int)(WrittenAddress >> GuestPage.Shift);
        Assert.Equal(0UL, shared[Page / 64] >> (Page % 64) & 1);
        Assert.Equal(1UL, alias[Page / 64] >> (Page % 64) & 1);
    }

    [KvmFact]
    public void PvhKernel_FindsItsStartInfo()
    {
        byte[] code = Assemble(32, 0x20_0000, c =>
        {
            c.mov(edx, Port);
            c.mov(eax, __dword_ptr[ebx]);
            c.@out(dx, eax);
            c.mov(edi, __dword_ptr[ebx + 24]);
            c.mov(eax, __dword_ptr[edi]);
            c.@out(dx, eax);
            c.mov(edi, __dword_ptr[ebx + 16]);
            c.mov(edi, __dword_ptr[edi]);
            c.mov(eax, __dword_ptr[edi]);
            c.@out(dx, eax);
            c.hlt();
        });
        byte[] kernel = new ElfBuilder().Load(0x20_0000, code).Notes(new ElfNote("Xen\0", 18, [0, 0, 0x20, 0])).Build();
        using Machine machine = new(SevMode.None, kernel, initrd: [0x11, 0x22, 0x33, 0x44], commandLine: "abcd");

        machine.Run();

        Assert.Equal([0x336E_C578u, 0x6463_6261u, 0x4433_2211u], machine.Output);
    }

    /// <summary>Reloads the segments, reports what RSI leads to (boot_flag, command line, initrd), reads a device and writes RAM.</summary>
    private static void Find64BitBootData(Assembler c)
    {
        Label reloaded = c.CreateLabel();
        c.mov(rsp, 0x8_0000UL);
        c.mov(ax, BootGdt.DataSelector);
        c.mov(ds, ax);
        c.mov(es, ax);
        c.mov(ss, ax);
        c.push(BootGdt.Code64Selector);
        c.lea(rax, __[reloaded]);
        c.push(rax);
        c.db(0x48, 0xCB); // RETF with 64-bit operands
        c.Label(ref reloaded);
        c.mov(edx, Port);
        c.movzx(eax, __word_ptr[rsi + 0x1FE]);
        c.@out(dx, eax);
        c.mov(edi, __dword_ptr[rsi + 0x228]);
        c.mov(eax, __dword_ptr[rdi]);
        c.@out(dx, eax);
        c.mov(edi, __dword_ptr[rsi + 0x218]);
        c.mov(eax, __dword_ptr[rdi]);
        c.@out(dx, eax);
        c.mov(edi, DeviceAddress);
        c.mov(eax, __dword_ptr[rdi]);
        c.mov(edi, WrittenAddress);
        c.mov(__dword_ptr[rdi], eax);
        c.mov(eax, __dword_ptr[rdi]);
        c.@out(dx, eax);
        c.hlt();
    }

    private static byte[] Assemble(int bitness, ulong address, Action<Assembler> code)
    {
        Assembler assembler = new(bitness);
        code(assembler);
        using MemoryStream bytes = new();
        _ = assembler.Assemble(new StreamCodeWriter(bytes), address);
        return bytes.ToArray();
    }

    /// <summary>One vCPU, started as the boot registers say.</summary>
    private sealed class Machine : IDisposable
    {
        private readonly KvmDevice _kvm;
        private readonly KvmVcpu _vcpu;

        internal Machine(SevMode mode, byte[] kernel, byte[] initrd, string commandLine)
        {
            _kvm = KvmDevice.Open();
            KvmCpuidEntry2[] cpuid = _kvm.GetSupportedCpuid();
            int addressBits = (int)(cpuid.Single(entry => entry.Function == 0x8000_0008).Eax & 0xFF);
            Memory = GuestMemory.Create(GuestLayout.Create(MemoryBytes, addressBits, mode, addressBits - 1));
            LoadedImage image = LoadedSample.Load(kernel, Memory, initrd, commandLine);
            Vm = _kvm.CreateVm();
            Slots = Memslots.Register(Vm, Memory, mode);
            _vcpu = Vm.CreateVcpu(0);
            _vcpu.SetCpuid2(cpuid);
            SetRegisters(image.Registers);
        }

        internal GuestMemory Memory { get; }

        internal KvmVm Vm { get; }

        internal Memslots Slots { get; }

        internal List<uint> Output { get; } = [];

        internal List<ulong> DeviceReads { get; } = [];

        public void Dispose()
        {
            _vcpu.Dispose();
            Slots.Dispose();
            Vm.Dispose();
            _kvm.Dispose();
            Memory.Dispose();
        }

        internal void Run()
        {
            using GuestRunner runner = GuestRunner.Start(_vcpu, OnExit);
            runner.WaitForEnd(GuestRunner.DefaultDeadline);
        }

        private bool OnExit(VcpuExit exit)
        {
            switch (exit.Reason)
            {
                case VcpuExitReason.Io:
                    Assert.Equal(Port, exit.Io.Port);
                    Output.Add(BitConverter.ToUInt32(exit.Data));
                    return true;
                case VcpuExitReason.Mmio:
                    DeviceReads.Add(exit.Mmio.PhysAddr);
                    BitConverter.TryWriteBytes(exit.Data, 0xC0FF_EE00u);
                    return true;
                default:
                    Assert.Equal(VcpuExitReason.Hlt, exit.Reason);
                    return false;
            }
        }

        private void SetRegisters(BootRegisters boot)
        {
            bool isLong = boot.Protocol == BootProtocol.Linux64;
            KvmSegment code = new()
            {
                Limit = uint.MaxValue,
                Selector = isLong ? BootGdt.Code64Selector : BootGdt.Code32Selector,
                Type = 11,
                Present = 1,
                S = 1,
                Db = (byte)(isLong ? 0 : 1),
                L = (byte)(isLong ? 1 : 0),
                G = 1,
            };
            KvmSegment data = new() { Limit = uint.MaxValue, Selector = BootGdt.DataSelector, Type = 3, Present = 1, S = 1, Db = 1, G = 1 };
            KvmSregs sregs = _vcpu.GetSregs();
            sregs.Cs = code;
            sregs.Ds = data;
            sregs.Es = data;
            sregs.Fs = data;
            sregs.Gs = data;
            sregs.Ss = data;
            sregs.Gdt.Base = boot.GdtBase.Value;
            sregs.Gdt.Limit = boot.GdtLimit;
            sregs.Cr3 = boot.Cr3;
            sregs.Cr0 = isLong ? 0x8000_0011 : 0x11;
            sregs.Cr4 = isLong ? 0x20u : 0;
            sregs.Efer = isLong ? 0x500u : 0;
            _vcpu.SetSregs(in sregs);
            KvmRegs regs = new() { Rip = boot.Entry.Value, Rsi = boot.Rsi, Rbx = boot.Rbx, Rflags = 2 };
            _vcpu.SetRegs(in regs);
        }
    }
}
